"""What the identity worker knows of each track: the looks, what is held of it, and what was said."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from daemon.identity.decision import PENDING, Decision
from daemon.identity.fusion import TrackFusion
from daemon.messages import FaceObserved

TrackKey = tuple[str, str]
"""Camera and track."""


@dataclass(frozen=True, slots=True)
class Look:
    """Where and when a face was seen last."""

    captured_ns: int
    captured_wall_ns: int
    box: tuple[float, float, float, float]
    frame_size: tuple[int, int]

    @classmethod
    def of(cls, face: FaceObserved) -> "Look":
        return cls(face.captured_ns, face.captured_wall_ns, face.box, face.frame_size)


@dataclass(slots=True)
class TrackState:
    camera: str
    track: str
    first_seen_wall_ns: int
    touched_s: float
    """When it was heard of last, monotonic."""
    decision: Decision = PENDING
    said: int | None = None
    """Sequence of the last event about it; None if nothing was said yet."""
    look: Look | None = None
    """None if it is known from the store only."""
    fusion: TrackFusion = field(default_factory=TrackFusion)


class TrackBook:
    """The tracks, least recently heard of first. Its owner takes out what `surplus` names, so it is bounded."""

    def __init__(self, most: int, forget_after_s: float) -> None:
        self._most, self._forget_after_s = most, forget_after_s
        self._tracks: OrderedDict[TrackKey, TrackState] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tracks)

    def __iter__(self) -> Iterator[TrackState]:
        return iter(list(self._tracks.values()))

    def add(self, state: TrackState) -> None:
        self._tracks[state.camera, state.track] = state

    def touch(self, camera: str, track: str, seen_wall_ns: int, now_s: float) -> TrackState:
        """Returns the track, new if it was not heard of before."""
        state = self._tracks.get((camera, track))
        if state is None:
            state = self._tracks[camera, track] = TrackState(camera, track, seen_wall_ns, now_s)
        state.touched_s = now_s
        self._tracks.move_to_end((camera, track))
        return state

    def pop(self, camera: str, track: str) -> TrackState | None:
        return self._tracks.pop((camera, track), None)

    def pop_surplus(self, now_s: float) -> list[TrackState]:
        """Takes out the tracks that are too many or were not heard of for too long."""
        surplus = []
        while self._tracks:
            oldest = next(iter(self._tracks.values()))
            if len(self._tracks) <= self._most and now_s - oldest.touched_s < self._forget_after_s:
                break
            surplus.append(self._tracks.popitem(last=False)[1])
        return surplus
