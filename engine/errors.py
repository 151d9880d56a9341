"""What can go wrong in the engine; the tree's root is in config/errors.py."""

from config.errors import DeconvIDError


class ModelError(DeconvIDError):
    """A model that is unknown, not installed, altered, or not what its manifest says."""


class ImageError(DeconvIDError):
    """A picture that is missing, too large, damaged, or of an unknown kind."""


class RuntimeUnavailableError(DeconvIDError):
    """A runtime that was asked for by name and cannot be imported."""
