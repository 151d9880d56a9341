"""Whether a face that turns up is one that was seen a little while ago: by its looks, wherever it is in the picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.weighting import weight_in_mean

FADING = 0.7
"""What the looks before still weigh when there is a new one: another face may have taken over the track."""
LEAST_WEIGHT = 1e-6
LEAST_QUALITY = 0.35
"""Of a look by which a face is known again: small and blurred faces of different people look the same."""
LEAD = 0.1
"""By which the most similar one is to be ahead of the next: of two who look alike, neither is taken for the other."""


@dataclass(slots=True)
class Appearance:
    """What a track looks like: the mean of its embeddings, in which older ones fade."""

    _sum: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    """(D,); empty before the first look."""

    def __bool__(self) -> bool:
        return self._sum.size > 0

    def add(self, embedding: NDArray[np.float32], quality: float) -> None:
        """Args: embedding: (D,) float32, L2 norm 1; quality: 0..1."""
        weighted = np.float32(max(weight_in_mean(quality), LEAST_WEIGHT)) * embedding
        self._sum = np.float32(FADING) * self._sum + weighted if self else weighted

    def likeness(self, embedding: NDArray[np.float32]) -> float:
        """Returns the cosine, -1..1; -1 before the first look."""
        return float(self._sum @ embedding) / max(float(np.linalg.norm(self._sum)), 1e-12) if self else -1.0


def most_alike(embedding: NDArray[np.float32], appearances: Sequence[Appearance], alike: float) -> int | None:
    """Returns the index of the one whose embedding it is; None if there is none, or if it may be one of two.

    Args:
        embedding: (D,) float32, L2 norm 1.
        appearances: of those who may have come back.
        alike: least cosine.
    """
    scores = np.array([appearance.likeness(embedding) for appearance in appearances])
    if not len(scores) or scores.max() < alike:
        return None
    best = int(scores.argmax())
    others = np.delete(scores, best)
    return best if scores[best] - others.max(initial=-1.0) >= LEAD else None
