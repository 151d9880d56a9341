"""What can go wrong with the event bus."""

from config.errors import DeconvIDError


class EventBusError(DeconvIDError):
    """A socket that cannot be bound or connected."""


class KeysError(DeconvIDError):
    """A key that cannot be made, read or removed."""
