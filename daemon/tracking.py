"""Follows faces of one camera from frame to frame, so that an identity is decided once and not per frame.

A track predicts where its face will be from its last velocity. Predictions and detections are paired by their distance
in face widths, not by overlap: between two looks at 5 per second a face may leave its own box. The pairing is the
cheapest one over all (Jonker and Volgenant 1987), not first come, first served.

A track that is lost may come back for a while, anywhere in the picture, if its face looks the same (returning.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import lap
import numpy as np
from numpy.typing import NDArray

from daemon.returning import LEAST_QUALITY, Appearance, most_alike
from engine import Detections

FARTHEST_WIDTHS = 1.2
"""Pairs whose centres are farther apart than this many face widths are not the same face."""

LARGEST_SCALE_CHANGE = 1.8
"""Nor are faces whose sizes differ by more than this factor."""

VELOCITY_SMOOTHING = 0.5

MOST_AWAY = 64
"""Lost tracks of a camera that may come back; of more, those end first that were lost first."""


@dataclass(slots=True, eq=False)
class Track:
    """One face on its way through the picture; owned and changed by the Tracker only."""

    name: str
    box: NDArray[np.float32]
    """(4,) x1 y1 x2 y2 at `seen_s`, pixels of the camera's frame."""
    seen_s: float
    first_seen_s: float
    velocity: NDArray[np.float32] = field(default_factory=lambda: np.zeros(2, np.float32))
    """(2,) pixels per second."""
    appearance: Appearance = field(default_factory=Appearance)
    former_name: str = ""
    """That it had until it was known again: crops with that name may still be on their way."""

    def predicted(self, now_s: float) -> NDArray[np.float32]:
        shift = self.velocity * min(now_s - self.seen_s, 1.0)
        return self.box + np.tile(shift, 2).astype(np.float32)

    def follow(self, box: NDArray[np.float32], now_s: float) -> None:
        elapsed = now_s - self.seen_s
        if elapsed > 0:
            moved = (_centres(box[None]) - _centres(self.box[None]))[0] / elapsed
            self.velocity = VELOCITY_SMOOTHING * self.velocity + (1 - VELOCITY_SMOOTHING) * moved
        self.box, self.seen_s = box, now_s


class Tracker:
    """Gives every detection of a camera the track it belongs to.

    Args:
        new_name: returns a name that no other track ever had.
        lost_after_s: a track that was not seen for this long is lost.
        return_s: a lost track ends so long after it was seen last, if its face was embedded; until then it may return.
        alike: least cosine of a face that returns.
    """

    def __init__(
        self, new_name: Callable[[], str], lost_after_s: float, return_s: float = 0.0, alike: float = 1.0
    ) -> None:
        self._new_name = new_name
        self._lost_after_s, self._return_s, self._alike = lost_after_s, return_s, alike
        self._tracks: list[Track] = []
        self._away: list[Track] = []
        """Lost, the longest lost first."""

    def __len__(self) -> int:
        """Tracks that are followed: neither lost nor ended."""
        return len(self._tracks)

    def update(self, detections: Detections, now_s: float) -> list[Track]:
        """Returns one track per detection, in their order; unmatched detections begin new tracks.

        Args:
            detections: what was found in one frame, in its pixels.
            now_s: when that frame was captured, seconds of a clock that never goes back.
        """
        matched: dict[int, Track] = {}
        followed = [track for track in self._tracks if now_s - track.seen_s <= self._lost_after_s]
        if followed and len(detections):
            predicted = np.stack([track.predicted(now_s) for track in followed])
            cost = pairing_cost(predicted, detections.boxes)
            _, columns, _ = lap.lapjv(cost, extend_cost=True)
            for row, column in enumerate(columns):
                if column >= 0 and cost[row, column] < 1:
                    matched[int(column)] = followed[row]
        result = []
        for index, box in enumerate(detections.boxes):
            track = matched.get(index)
            if track is None:
                track = Track(self._new_name(), box.copy(), now_s, now_s)
                self._tracks.append(track)
            else:
                track.follow(box.copy(), now_s)
            result.append(track)
        return result

    def recognise(self, name: str, embedding: NDArray[np.float32], quality: float) -> str:
        """Learns what a track looks like; at its first look, decides whether it is one that was lost.

        A first look that is too bad for that decides too: the track is told with it, and what was told is not taken
        back. A track only ever returns as one that was last seen before it was first seen: two faces that were visible
        at once stay two tracks.

        Args:
            name: of the track, or the one that it had before.
            embedding: (D,) float32, L2 norm 1.
            quality: 0..1.

        Returns:
            The name of the track, which stays.
        """
        track = self._find(name)
        if track is None:
            return name
        if not track.appearance and quality >= LEAST_QUALITY:
            track = self._returned_as(track, embedding)
        track.appearance.add(embedding, quality)
        return track.name

    def followed_name(self, name: str) -> str | None:
        """Returns the name of the followed track that has this name, or had it before; None if there is none."""
        track = self._find(name)
        return track.name if track in self._tracks else None

    def end_lost(self, now_s: float) -> list[Track]:
        """Forgets and returns the tracks that have ended: lost for too long, or of no known looks."""
        lost = [track for track in self._tracks if now_s - track.seen_s > self._lost_after_s]
        self._tracks = [track for track in self._tracks if now_s - track.seen_s <= self._lost_after_s]
        unseen = sorted(self._away + lost, key=lambda track: track.seen_s)
        may_return = [track for track in unseen if track.appearance and now_s - track.seen_s <= self._return_s]
        self._away = may_return[-MOST_AWAY:]
        return [track for track in unseen if track not in self._away]

    def _find(self, name: str) -> Track | None:
        known = (*self._tracks, *self._away)
        return next((track for track in known if name in (track.name, track.former_name)), None)

    def _returned_as(self, track: Track, embedding: NDArray[np.float32]) -> Track:
        """Returns the track that has come back and goes on where this new one is; the new one if there is none."""
        absent = [
            each
            for each in (*self._away, *self._tracks)
            if each.appearance and 0 < track.first_seen_s - each.seen_s <= self._return_s
        ]
        index = most_alike(embedding, [each.appearance for each in absent], self._alike)
        if index is None:
            return track
        old = absent[index]
        old.box, old.seen_s, old.velocity, old.former_name = track.box, track.seen_s, track.velocity, track.name
        self._away = [each for each in self._away if each is not old]
        self._tracks = [old if each is track else each for each in self._tracks if each is not old]
        return old


def pairing_cost(tracks: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns (T, N) float64 in 0..1: 0 = same place, 1 = not the same face.

    Args:
        tracks: (T, 4) float32 predicted boxes, x1 y1 x2 y2.
        boxes: (N, 4) float32 detected boxes.
    """
    widths = np.sqrt(np.prod(tracks[:, 2:] - tracks[:, :2], axis=1))[:, None]
    sizes = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))[None]
    larger, smaller = np.maximum(widths, sizes), np.maximum(np.minimum(widths, sizes), 1e-6)
    distance = np.linalg.norm(_centres(tracks)[:, None] - _centres(boxes)[None], axis=-1) / np.maximum(larger, 1e-6)
    cost = distance / FARTHEST_WIDTHS
    cost[larger / smaller > LARGEST_SCALE_CHANGE] = np.inf
    # All impossible pairs cost the same: were one dearer, the method would break up good pairs to avoid it.
    clipped: NDArray[np.float64] = np.minimum(cost, 1.0)
    return clipped


def _centres(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return (boxes[:, :2] + boxes[:, 2:]) / np.float32(2)
