"""Many looks at one face, one embedding."""

import numpy as np
from numpy.typing import NDArray

LEAST_WEIGHT = 1e-3
"""Of a look whose quality is 0: it still tells something if it is all there is."""


class TrackFusion:
    """The quality-weighted mean of a track's embeddings. Its size does not grow with the track's length."""

    def __init__(self) -> None:
        self.observations = 0
        self._sum: NDArray[np.float64] | None = None

    def add(self, embedding: NDArray[np.float32], quality: float) -> None:
        """Args: embedding: (D,) float32, L2 norm 1; quality: 0..1."""
        weighted = max(quality, LEAST_WEIGHT) * embedding.astype(np.float64)
        self._sum = weighted if self._sum is None else self._sum + weighted
        self.observations += 1

    def embedding(self) -> NDArray[np.float32] | None:
        """Returns (D,) float32, L2 norm 1; None before the first look, or if the looks cancel each other."""
        if self._sum is None:
            return None
        norm = float(np.linalg.norm(self._sum))
        return (self._sum / norm).astype(np.float32) if norm > 0 else None
