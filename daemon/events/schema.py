"""The events as they go over the wire: one JSON object each, told apart by `kind`.

A frame on the bus is [topic, JSON]; the topic is `camera.<name>.<kind>`, both in ASCII.
"""

from datetime import UTC, datetime

import msgspec

VERSION = 1
"""Of this schema: grows when a field changes its meaning or goes away, not when one is added."""


class Person(msgspec.Struct, frozen=True):
    id: int
    """Stays when the person is renamed."""
    name: str


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What all events have. `epoch` and `sequence` together name an event for ever."""

    version: int = VERSION
    epoch: str = ""
    """Id of the database in which the sequence counts: another epoch is another history."""
    sequence: int = 0
    """1, 2, 3 ... over all cameras and kinds, without gaps, also over restarts of the daemon."""
    camera: str
    track: str | None = None
    """Name of one pass of one face before one camera; None for events of the camera itself."""
    captured_at: str
    """When the frame arrived that led to the event: RFC 3339, UTC, microseconds."""
    published_at: str = ""
    person: Person | None = None
    """Who it is. None: nobody who is enrolled, or somebody who was erased since."""
    score: float | None = None
    """Cosine of the person, or of the best candidate for an unknown face."""
    box: tuple[float, float, float, float] | None = None
    """x1 y1 x2 y2 of the newest look at the face, pixels of the camera's frame."""
    frame_size: tuple[int, int] | None = None
    """Width and height of that frame."""

    @property
    def kind(self) -> str:
        return str(self.__struct_config__.tag)

    @property
    def topic(self) -> str:
        return f"camera.{self.camera}.{self.kind}"


class Word(Event, frozen=True, kw_only=True):
    """Who a track is held to be."""

    latency_ms: float = 0.0
    """From capture to publication, measured with the monotonic clock."""


class Identified(Word, frozen=True, kw_only=True, tag="identified"):
    """The first that is said about a track: it is this person."""


class Unknown(Word, frozen=True, kw_only=True, tag="unknown"):
    """The first that is said about a track: nobody who is enrolled. Said at most once per track."""


class Corrected(Word, frozen=True, kw_only=True, tag="corrected"):
    """What was said about this track is no longer held: `person` (None: nobody who is enrolled) takes its place.

    Every change after the first word is a correction, from unknown to a person too.
    """

    corrects: int
    """Sequence of the event that it replaces."""


class Left(Event, frozen=True, kw_only=True, tag="left"):
    """The track ended; `person` is the final word. Only tracks leave about which something was said."""

    first_seen_at: str
    last_seen_at: str


class CameraChanged(Event, frozen=True, kw_only=True, tag="camera"):
    """The camera's stream went into another state."""

    state: str
    """See daemon.messages.CameraState."""
    detail: str
    """For people, may be empty."""


AnyEvent = Identified | Unknown | Corrected | Left | CameraChanged

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyEvent)


def encode_event(event: Event) -> bytes:
    return _encoder.encode(event)


def decode_event(data: bytes | str) -> AnyEvent:
    """Raises msgspec.MsgspecError if it is not an event of this version."""
    event: AnyEvent = _decoder.decode(data)
    return event


def rfc3339(wall_ns: int) -> str:
    """Returns a moment given in nanoseconds since 1970.

    >>> rfc3339(1_000)
    '1970-01-01T00:00:00.000001Z'
    """
    seconds, rest_ns = divmod(wall_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
