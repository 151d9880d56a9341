"""The events as they go over the wire: one JSON object each, told apart by `kind`.

A message on the bus is [topic, JSON]; the topic is the kind, and for what happens at a camera the camera's name after a
dot: `face.identified.door`, `daemon.started`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

VERSION = 2
"""Of this schema: grows when a field changes its meaning or goes away, not when a field or a kind is added."""


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
    captured_at: str
    """When it happened; for a face, when the frame arrived that led to the event: RFC 3339, UTC, microseconds."""
    published_at: str = ""
    """When it was stored, from where it is published."""

    @property
    def kind(self) -> str:
        return str(self.__struct_config__.tag)

    @property
    def topic(self) -> str:
        return topic_of(self.kind, None)


class CameraEvent(Event, frozen=True, kw_only=True):
    """Something that happened at one camera."""

    camera: str

    @property
    def topic(self) -> str:
        return topic_of(self.kind, self.camera)


class FaceEvent(CameraEvent, frozen=True, kw_only=True):
    """Something about a track: one pass of one face before one camera."""

    track: str
    person: Person | None = None
    """Who it is. None: nobody who is enrolled, or somebody who was erased since."""
    score: float | None = None
    """Cosine of the person, or of the best candidate for an unknown face."""
    box: tuple[float, float, float, float] | None = None
    """x1 y1 x2 y2 of the newest look at the face, pixels of the camera's frame."""
    frame_size: tuple[int, int] | None = None
    """Width and height of that frame."""
    snapshot: str | None = None
    """Name of a picture of the moment in the folder of snapshots, if one was kept."""
    stranger: str | None = None
    """Of an unknown face: the number under which it is known, `unknown-12`, if it has one yet. May change while the
    track lasts; the one of `face.left` holds."""


class Appeared(FaceEvent, frozen=True, kw_only=True, tag="face.appeared"):
    """The first that is said about a track: somebody is there. Who it is comes later, if at all."""


class Word(FaceEvent, frozen=True, kw_only=True):
    """Who a track is held to be."""

    latency_ms: float = 0.0
    """From capture to publication, measured with the monotonic clock."""


class Identified(Word, frozen=True, kw_only=True, tag="face.identified"):
    """The first word on who a track is: this person."""


class Unknown(Word, frozen=True, kw_only=True, tag="face.unknown"):
    """The first word on who a track is: nobody who is enrolled. Said at most once per track."""


class Corrected(Word, frozen=True, kw_only=True, tag="face.corrected"):
    """What was said about this track is no longer held: `person` (None: nobody who is enrolled) takes its place.

    Every change after the first word is a correction, from unknown to a person too.
    """

    corrects: int
    """Sequence of the event that it replaces."""


class Left(FaceEvent, frozen=True, kw_only=True, tag="face.left"):
    """The track ended; `person` is the final word. Ends every track that appeared."""

    first_seen_at: str
    last_seen_at: str


class CameraChanged(CameraEvent, frozen=True, kw_only=True, tag="camera.state"):
    """The camera's stream went into another state."""

    state: str
    """See daemon.messages.CameraState."""
    detail: str
    """For people, may be empty."""


class GalleryChanged(Event, frozen=True, kw_only=True, tag="gallery.changed"):
    """The people whom the daemon tells apart are others now. Names ids only, so that an erased person stays erased."""

    revision: int
    """Of the gallery: grows with every change."""
    added: list[int]
    changed: list[int]
    """People with another name or other templates."""
    removed: list[int]


class StrangerNamed(Event, frozen=True, kw_only=True, tag="stranger.named"):
    """Who was known by a number is this person: so are they in every event that names the number."""

    stranger: str
    person: Person | None
    """None: they were erased since."""
    sightings: int
    first_seen_at: str
    last_seen_at: str


class StrangerMerged(Event, frozen=True, kw_only=True, tag="stranger.merged"):
    """Two numbers turned out to be one face: `stranger`, in earlier events, is `into`."""

    stranger: str
    into: str


class StrangerSplit(Event, frozen=True, kw_only=True, tag="stranger.split"):
    """A number turned out to be two faces: some that were `stranger` in earlier events are `new` from now on."""

    stranger: str
    new: str


class NoticeEvent(Event, frozen=True, kw_only=True):
    """Something happened to the daemon itself."""

    subject: str
    """What it is about: a worker, a camera, a model, a command; may be empty."""
    detail: str
    """For people, may be empty."""
    actor: str
    """Who asked for it: `signal`, `local:UID`, the name of a client's key; `daemon` if nobody did."""


class EngineState(NoticeEvent, frozen=True, kw_only=True, tag="engine.state"):
    """A model runs otherwise than before."""


class DaemonStarted(NoticeEvent, frozen=True, kw_only=True, tag="daemon.started"):
    """The daemon runs."""


class DaemonStopping(NoticeEvent, frozen=True, kw_only=True, tag="daemon.stopping"):
    """The daemon ends on purpose."""


class DaemonReloaded(NoticeEvent, frozen=True, kw_only=True, tag="daemon.reloaded"):
    """The daemon took over another configuration."""


class DaemonWorker(NoticeEvent, frozen=True, kw_only=True, tag="daemon.worker"):
    """A worker died, hung or came back."""


class DaemonControl(NoticeEvent, frozen=True, kw_only=True, tag="daemon.control"):
    """Somebody told the daemon to do something."""


FaceEvents = Appeared | Identified | Unknown | Corrected | Left
NoticeEvents = EngineState | DaemonStarted | DaemonStopping | DaemonReloaded | DaemonWorker | DaemonControl
StrangerEvents = StrangerNamed | StrangerMerged | StrangerSplit
AnyEvent = FaceEvents | CameraChanged | GalleryChanged | StrangerEvents | NoticeEvents

NOTICE_EVENTS: Mapping[str, type[NoticeEvents]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (EngineState, DaemonStarted, DaemonStopping, DaemonReloaded, DaemonWorker, DaemonControl)
}
"""By kind."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyEvent)


def encode_event(event: Event) -> bytes:
    return _encoder.encode(event)


def decode_event(data: bytes | str) -> AnyEvent:
    """Raises msgspec.MsgspecError if it is not an event of this version."""
    event: AnyEvent = _decoder.decode(data)
    return event


def topic_of(kind: str, camera: str | None) -> str:
    return kind if camera is None else f"{kind}.{camera}"


def rfc3339(wall_ns: int) -> str:
    """Returns a moment given in nanoseconds since 1970.

    >>> rfc3339(1_000)
    '1970-01-01T00:00:00.000001Z'
    """
    return rfc3339_of(moment_of(wall_ns))


def rfc3339_of(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment_of(wall_ns: int) -> datetime:
    """Returns a moment given in nanoseconds since 1970, in UTC, to the microsecond."""
    seconds, rest_ns = divmod(wall_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // 1000)
