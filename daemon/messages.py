"""What processes of the daemon tell each other over ZeroMQ ipc, as msgpack.

Sockets, all in the runtime folder: `frames` (camera workers and supervisor PUSH -> vision worker PULL,
FrameToken, CameraJoined, CameraLeft), `observations` (everybody PUSH -> identity worker PULL, Observation) and
`reports` (workers PUSH -> supervisor PULL, WorkerReport).
"""

from typing import Literal

import msgspec

NoticeKind = Literal[
    "daemon.started", "daemon.stopping", "daemon.reloaded", "daemon.worker", "daemon.control", "engine.state"
]

CameraState = Literal[
    "connecting", "streaming", "stalled", "auth_failed", "not_found", "unsupported", "backoff", "ended", "paused"
]


class FrameToken(msgspec.Struct, frozen=True, tag="frame", omit_defaults=True):
    """A frame lies in a slot of the camera's ring. Its header there holds the rest."""

    camera: str
    slot: int
    generation: int
    sequence: int
    """Counts the frames that this camera put into its ring, from 1, without gaps."""
    regions: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Polygons in which faces count; none: anywhere. They travel with each frame, so that the vision worker need not be
    started anew for them."""
    weight: float = 1.0
    """Of the camera, where there is not time for all."""


class CameraJoined(msgspec.Struct, frozen=True, tag="joined"):
    """The vision worker is to look at this camera, too. It passes over one that it already looks at."""

    camera: str
    ring: str
    """Path of the camera's frame ring."""


class CameraLeft(msgspec.Struct, frozen=True, tag="left"):
    """The vision worker is to forget this camera: nothing comes from its ring any more."""

    camera: str


FrameMessage = FrameToken | CameraJoined | CameraLeft


LARGEST_PICTURE = 512 << 10
"""Bytes of a JPEG."""
LARGEST_CROP = 64 << 10
"""Bytes of the JPEG of an aligned crop."""


class Picture(msgspec.Struct, frozen=True):
    """A look at a face, for people."""

    jpeg: bytes
    box: tuple[float, float, float, float]
    """x1 y1 x2 y2 of the face, pixels of this picture."""


class FaceObserved(msgspec.Struct, frozen=True, tag="face"):
    """One embedded face of a track."""

    camera: str
    track: str
    """Unique over restarts of the vision worker."""
    captured_ns: int
    """Arrival of the frame, CLOCK_MONOTONIC (for a file read with --fast: start + media time)."""
    captured_wall_ns: int
    """The same moment since 1970."""
    box: tuple[float, float, float, float]
    """x1 y1 x2 y2, pixels of the camera's frame."""
    frame_size: tuple[int, int]
    """Width and height of that frame."""
    quality: float
    """0..1, see engine/quality.py."""
    embedding: bytes
    """float32, little-endian, L2 norm 1."""
    model: str
    """Digest of the embedder."""
    picture: Picture | None = None
    """Only if the operator wants snapshots, and if it is better than the track's pictures before."""
    crop: bytes = b""
    """JPEG of the aligned 112x112 crop, if it is the track's best so far and strangers are to be known again."""


class TrackEnded(msgspec.Struct, frozen=True, tag="ended"):
    """A face left the picture."""

    camera: str
    track: str
    first_seen_wall_ns: int
    last_seen_wall_ns: int


class TracksInSight(msgspec.Struct, frozen=True, tag="sight"):
    """Which embedded tracks the vision worker follows now; sent once a second. All others have ended.

    TrackEnded tells the same at once and exactly; this one heals what a killed worker could not tell.
    """

    tracks: dict[str, list[str]]
    """Names by camera; every camera is in it."""


class CameraStateChanged(msgspec.Struct, frozen=True, tag="camera"):
    """A camera went from one state to another."""

    camera: str
    state: CameraState
    detail: str
    """What a person needs to know, without any secret; may be empty."""
    at_wall_ns: int


class Notice(msgspec.Struct, frozen=True, tag="notice"):
    """Something happened to the daemon itself; it becomes the event of that kind."""

    kind: NoticeKind
    subject: str
    """What it is about: a worker, a camera, a model, a command; may be empty."""
    detail: str
    """What a person needs to know, without any secret; may be empty."""
    actor: str
    """Who asked for it: `signal`, `local:UID`, `key:NAME` of a client; `daemon` if nobody did."""
    at_wall_ns: int


Observation = FaceObserved | TrackEnded | TracksInSight | CameraStateChanged | Notice


class Histogram(msgspec.Struct, frozen=True):
    """Counts of durations since the worker started."""

    bounds_ms: tuple[float, ...]
    """Upper bounds, rising; a last bucket without a bound follows."""
    counts: tuple[int, ...]
    """One more than bounds."""
    total_ms: float


class CameraReport(msgspec.Struct, frozen=True):
    """How a camera is, as its worker sees it."""

    state: CameraState
    detail: str
    since_wall_ns: int


class WorkerReport(msgspec.Struct, frozen=True, tag="report"):
    """What a worker has counted since it started; sent to the supervisor about once a second."""

    worker: str
    """Its plan's name: `camera-door`, `vision`, `identity`, `bus`, `web`, `bridge-NAME`."""
    counters: dict[str, int] = {}
    """Only grow. `looks`, or `decisions.identified` where a count has kinds; a metric each, see docs/operations.md."""
    gauges: dict[str, float] = {}
    """`newest_sequence`, or `name_ms` for milliseconds."""
    histograms: dict[str, Histogram] = {}
    """`latency_ms`, or `latency_ms.door` of a camera: that one becomes part of the camera's status."""
    camera: CameraReport | None = None
    """Of camera workers."""
    ill: str = ""
    """What keeps the worker from its work though it runs, for people, with the fix; empty if nothing does."""


_encoder = msgspec.msgpack.Encoder()
_token_decoder = msgspec.msgpack.Decoder(FrameToken)
_frame_message_decoder: msgspec.msgpack.Decoder[FrameMessage] = msgspec.msgpack.Decoder(FrameMessage)
_report_decoder = msgspec.msgpack.Decoder(WorkerReport)
_observation_decoder: msgspec.msgpack.Decoder[Observation] = msgspec.msgpack.Decoder(Observation)


def encode(message: FrameMessage | Observation | WorkerReport) -> bytes:
    return _encoder.encode(message)


def decode_token(data: bytes) -> FrameToken:
    return _token_decoder.decode(data)


def decode_frame_message(data: bytes) -> FrameMessage:
    return _frame_message_decoder.decode(data)


def decode_observation(data: bytes) -> Observation:
    return _observation_decoder.decode(data)


def decode_report(data: bytes) -> WorkerReport:
    return _report_decoder.decode(data)
