"""What can go wrong in the engine; the tree's root is in config/errors.py."""

from config.errors import DeconvIDError


class ModelError(DeconvIDError):
    """A model that is unknown, not installed, altered, or not what its manifest says."""


class ImageError(DeconvIDError):
    """A picture that is missing, too large, damaged, or of an unknown kind."""


class RuntimeUnavailableError(DeconvIDError):
    """A runtime that was asked for by name and cannot be imported."""


class PlanError(DeconvIDError):
    """A compiled network that cannot be built, read, or trusted; another runtime serves."""


class GpuError(DeconvIDError):
    """A GPU that stopped working while it was used."""


class GpuMemoryError(GpuError):
    """A GPU without the memory that is needed."""
