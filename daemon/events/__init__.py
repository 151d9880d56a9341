"""The event bus: what the daemon says, and how programs listen."""

from daemon.events.errors import EventBusError
from daemon.events.schema import (
    AnyEvent,
    Appeared,
    CameraChanged,
    CameraEvent,
    Corrected,
    Event,
    FaceEvent,
    GalleryChanged,
    Identified,
    Left,
    NoticeEvent,
    Person,
    Unknown,
    Word,
    decode_event,
    encode_event,
)

__all__ = [
    "AnyEvent",
    "Appeared",
    "CameraChanged",
    "CameraEvent",
    "Corrected",
    "Event",
    "EventBusError",
    "FaceEvent",
    "GalleryChanged",
    "Identified",
    "Left",
    "NoticeEvent",
    "Person",
    "Unknown",
    "Word",
    "decode_event",
    "encode_event",
]
