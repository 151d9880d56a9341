"""Many looks at one face, one embedding."""

import numpy as np
from numpy.typing import NDArray

LEAST_WEIGHT = 1e-3
"""Of a look whose quality is 0: it still tells something if it is all there is."""


MEMORY = 0.9
"""What earlier looks still weigh after each further one: in effect the last 1 / (1 - 0.9) = 10 looks count.

If another face takes over a track, it outweighs the first one, however long that was there, within 7 looks of the same
quality, and within 16 of a quarter of it."""


class TrackFusion:
    """The quality-weighted mean of a track's embeddings, in which older ones fade."""

    def __init__(self) -> None:
        self.observations = 0
        self._sum: NDArray[np.float64] | None = None

    def add(self, embedding: NDArray[np.float32], quality: float) -> None:
        """Args: embedding: (D,) float32, L2 norm 1; quality: 0..1."""
        weighted = max(quality, LEAST_WEIGHT) * embedding.astype(np.float64)
        self._sum = weighted if self._sum is None else MEMORY * self._sum + weighted
        self.observations += 1

    def embedding(self) -> NDArray[np.float32] | None:
        """Returns (D,) float32, L2 norm 1; None before the first look, or if the looks cancel each other."""
        if self._sum is None:
            return None
        norm = float(np.linalg.norm(self._sum))
        return (self._sum / norm).astype(np.float32) if norm > 0 else None
