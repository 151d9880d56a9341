"""Follows faces of one camera from frame to frame, so that an identity is decided once and not per frame.

A track predicts where its face will be from its last velocity. Predictions and detections are paired by their distance
in face widths, not by overlap: between two looks at 5 per second a face may leave its own box. The pairing is the
cheapest one over all (Hungarian method), not first come, first served.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from engine import Detections

FARTHEST_WIDTHS = 1.2
"""Pairs whose centres are farther apart than this many face widths are not the same face."""

LARGEST_SCALE_CHANGE = 1.8
"""Nor are faces whose sizes differ by more than this factor."""

VELOCITY_SMOOTHING = 0.5


@dataclass(slots=True)
class Track:
    """One face on its way through the picture; owned and changed by the Tracker only."""

    name: str
    box: NDArray[np.float32]
    """(4,) x1 y1 x2 y2 at `seen_s`, pixels of the camera's frame."""
    seen_s: float
    first_seen_s: float
    velocity: NDArray[np.float32] = field(default_factory=lambda: np.zeros(2, np.float32))
    """(2,) pixels per second."""

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
        lost_after_s: a track that was not seen for this long has ended.
    """

    def __init__(self, new_name: Callable[[], str], lost_after_s: float) -> None:
        self._new_name = new_name
        self._lost_after_s = lost_after_s
        self._tracks: list[Track] = []

    def __len__(self) -> int:
        """Tracks that have not ended."""
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
            for row, column in zip(*linear_sum_assignment(cost), strict=True):
                if cost[row, column] < 1:
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

    def follows(self, name: str) -> bool:
        """Whether the track of that name has not ended."""
        return any(track.name == name for track in self._tracks)

    def end_lost(self, now_s: float) -> list[Track]:
        """Forgets and returns the tracks that have not been seen for too long."""
        lost = [track for track in self._tracks if now_s - track.seen_s > self._lost_after_s]
        self._tracks = [track for track in self._tracks if now_s - track.seen_s <= self._lost_after_s]
        return lost


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
