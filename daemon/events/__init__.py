"""The event bus: what the daemon says, and how programs listen."""

from daemon.events.bus import EventPublisher
from daemon.events.client import EventSubscriber
from daemon.events.errors import EventBusError
from daemon.events.schema import (
    AnyEvent,
    CameraChanged,
    Corrected,
    Event,
    Identified,
    Left,
    Person,
    Unknown,
    decode_event,
    encode_event,
)

__all__ = [
    "AnyEvent",
    "CameraChanged",
    "Corrected",
    "Event",
    "EventBusError",
    "EventPublisher",
    "EventSubscriber",
    "Identified",
    "Left",
    "Person",
    "Unknown",
    "decode_event",
    "encode_event",
]
