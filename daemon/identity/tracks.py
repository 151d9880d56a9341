"""What the identity worker knows of each track: the looks, what is held of it, and what was said."""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
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


@dataclass(frozen=True, slots=True)
class Stay:
    """From when to when a face was seen."""

    first_seen_wall_ns: int
    last_seen_wall_ns: int


@dataclass(slots=True)
class TrackState:
    camera: str
    track: str
    first_seen_wall_ns: int
    decision: Decision = PENDING
    """What holds; a subscriber knows it too, or is being told."""
    appeared: bool = False
    """Whether it was said, or is being said, that somebody is there."""
    said: int | None = None
    """Sequence of the last word on who it is; None if there was none yet."""
    telling: bool = False
    """Whether a word is on its way to the store, so that `said` is not known yet."""
    unsaid: bool = False
    """Whether there is something to say that could not be stored yet."""
    ended: Stay | None = None
    """Set when the track has ended; it is forgotten once its farewell is stored."""
    look: Look | None = None
    """None if it is known from the store only."""
    fusion: TrackFusion = field(default_factory=TrackFusion)
    best_quality: float = 0.0
    """Of its looks."""
    crop: bytes = b""
    """JPEG of its best look; empty if strangers are not to be known again."""
    stranger: int | None = None
    """The number of an unknown face that was recognised, or has one since."""
    entered_as: int | None = None
    """Id of the likeness with which it was counted among the stranger's sightings; None if it was not."""

    def note(self, face: FaceObserved) -> None:
        """Takes over what a look shows, but for its embedding."""
        self.look = Look.of(face)
        if face.quality >= self.best_quality:
            self.best_quality = face.quality
            self.crop = face.crop or self.crop

    @property
    def stay(self) -> Stay:
        """As reported, or else as far as its looks tell."""
        last_seen_wall_ns = self.look.captured_wall_ns if self.look else self.first_seen_wall_ns
        return self.ended or Stay(self.first_seen_wall_ns, last_seen_wall_ns)


class TrackBook:
    """The tracks, least recently heard of first. Its owner takes out what `pop_surplus` gives, so it is bounded."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tracks: OrderedDict[TrackKey, TrackState] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tracks)

    def __iter__(self) -> Iterator[TrackState]:
        return iter(list(self._tracks.values()))

    def add(self, state: TrackState) -> None:
        self._tracks[state.camera, state.track] = state

    def get(self, camera: str, track: str) -> TrackState | None:
        return self._tracks.get((camera, track))

    def touch(self, camera: str, track: str, seen_wall_ns: int) -> TrackState:
        """Returns the track that is seen now, new if it was not heard of before."""
        state = self._tracks.get((camera, track))
        if state is None:
            state = self._tracks[camera, track] = TrackState(camera, track, seen_wall_ns)
        state.ended = None
        self._tracks.move_to_end((camera, track))
        return state

    def out_of_sight(self, in_sight: Mapping[str, Collection[str]]) -> list[TrackState]:
        """Returns the tracks, not known to have ended, that are missing among those in sight of their camera.

        Args:
            in_sight: names of tracks by camera; of other cameras nothing is known.
        """
        return [
            state
            for state in self
            if state.ended is None and state.camera in in_sight and state.track not in in_sight[state.camera]
        ]

    def remove(self, state: TrackState) -> None:
        del self._tracks[state.camera, state.track]

    def pop_surplus(self) -> list[TrackState]:
        """Takes out the tracks that are too many."""
        return [self._tracks.popitem(last=False)[1] for _ in range(len(self._tracks) - self._most)]
