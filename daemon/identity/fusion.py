"""Many looks at one face, one embedding."""

import numpy as np
from numpy.typing import NDArray

from engine.weighting import weight_in_mean

LEAST_WEIGHT = 1e-6
"""Of a look whose quality is 0: it still tells something if it is all there is."""

HALF_LIFE_S = 5.0
"""Age at which a look weighs half as much as one of now.

If another face takes over a track, it outweighs the first one, however long that was there, after 5 seconds of looks of
the same quality, and after 20 of half of it."""


class TrackFusion:
    """The quality-weighted mean of a track's embeddings, in which older ones fade.

    It depends on the looks and on when they were captured, not on the order in which they arrive.
    """

    def __init__(self) -> None:
        self.observations = 0
        self._sum: NDArray[np.float64] | None = None
        """(D,), as of `_latest_ns`."""
        self._latest_ns = 0

    def add(self, embedding: NDArray[np.float32], quality: float, captured_ns: int) -> None:
        """Args: embedding: (D,) float32, L2 norm 1; quality: 0..1; captured_ns: on a clock that all looks share."""
        weighted = max(weight_in_mean(quality), LEAST_WEIGHT) * embedding.astype(np.float64)
        if self._sum is None:
            self._sum, self._latest_ns = weighted, captured_ns
        elif captured_ns > self._latest_ns:
            self._sum = _faded(self._sum, captured_ns - self._latest_ns) + weighted
            self._latest_ns = captured_ns
        else:
            self._sum += _faded(weighted, self._latest_ns - captured_ns)
        self.observations += 1

    def embedding(self) -> NDArray[np.float32] | None:
        """Returns (D,) float32, L2 norm 1; None before the first look, or if the looks cancel each other."""
        if self._sum is None:
            return None
        norm = float(np.linalg.norm(self._sum))
        return (self._sum / norm).astype(np.float32) if norm > 0 else None


def _faded(weighted: NDArray[np.float64], age_ns: int) -> NDArray[np.float64]:
    faded: NDArray[np.float64] = weighted * 0.5 ** (age_ns / (HALF_LIFE_S * 1e9))
    return faded
