"""What can go wrong in the daemon; the tree's root is in config/errors.py."""

from config.errors import DeconvIDError


class StreamError(DeconvIDError):
    """A camera or file that cannot be read; see daemon/streams for its states."""


class StoreError(DeconvIDError):
    """The identity store cannot be used: locked, damaged, newer than this program, or the disk is full."""


class FrameRingError(DeconvIDError):
    """The shared memory of a camera cannot be made, attached or grown."""


class AlreadyRunningError(DeconvIDError):
    """Another daemon holds the state folder."""
