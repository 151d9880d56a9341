"""Where the faces of one picture are."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

LANDMARKS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """N faces of one picture, as a struct of arrays."""

    boxes: NDArray[np.float32]
    """(N, 4) float32, x1 y1 x2 y2 in pixels of the picture; x2 and y2 lie outside the box."""
    scores: NDArray[np.float32]
    """(N,) float32, 0..1, how sure the detector is, of a second look included."""
    landmarks: NDArray[np.float32]
    """(N, 5, 2) float32, x y in pixels: left eye, right eye, nose, left and right corner of the mouth, as seen in
    the picture. They may lie outside of it."""

    def __post_init__(self) -> None:
        count = len(self.scores)
        expected = {"boxes": (count, 4), "scores": (count,), "landmarks": (count, LANDMARKS, 2)}
        for field in fields(self):
            array = getattr(self, field.name)
            if array.shape != expected[field.name] or array.dtype != np.float32:
                raise ValueError(
                    f"{field.name} must be float32 of shape {expected[field.name]}, got {array.dtype} {array.shape}"
                )

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: slice | NDArray[Any]) -> Self:
        """Returns the faces that a mask, an array of indices or a slice picks."""
        return type(self)(self.boxes[index], self.scores[index], self.landmarks[index])

    @classmethod
    def empty(cls) -> Self:
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, LANDMARKS, 2), np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Returns the faces of one picture that were found in parts."""
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.landmarks for part in parts]),
        )

    def moved(self, right: float, down: float) -> Self:
        """Returns the same faces so many pixels further."""
        by = np.array([right, down], np.float32)
        return type(self)(self.boxes + np.tile(by, 2), self.scores, self.landmarks + by)

    def scaled(self, factor: float) -> Self:
        """Returns the same faces in a picture `factor` times as large."""
        scale = np.float32(factor)
        return type(self)(self.boxes * scale, self.scores, self.landmarks * scale)

    @property
    def sides(self) -> NDArray[np.float32]:
        """(N,) float32, the longer side of each box in pixels."""
        longer: NDArray[np.float32] = (self.boxes[:, 2:] - self.boxes[:, :2]).max(axis=1)
        return longer

    @property
    def eye_distances(self) -> NDArray[np.float32]:
        """(N,) float32, from eye to eye in pixels."""
        across = self.landmarks[:, 1] - self.landmarks[:, 0]
        distances: NDArray[np.float32] = np.hypot(across[:, 0], across[:, 1])
        return distances
