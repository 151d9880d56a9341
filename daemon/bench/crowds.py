"""Faces out of thin air: as many unit vectors as wanted, which lie as uneven as a network's do."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK = 100_000
DECAY = 0.5
"""Axis i has a standard deviation of i^-0.5: two strangers then resemble each other as often as on LFW by deconv_v2."""
LIKENESS = 0.6
"""Cosine of a look with the face it shows."""


def crowd(count: int, dimension: int, seed: int = 0) -> Iterator[NDArray[np.float32]]:
    """Yields strangers, (n, D) float32, L2 norm 1, until there are so many."""
    # The axes of a network's output mean nothing of their own: a rotation spreads the spectrum over all of them.
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((dimension, dimension)))[0].astype(np.float32)
    axes *= np.arange(1, dimension + 1, dtype=np.float32)[:, None] ** -DECAY
    rng = np.random.default_rng(seed)
    for start in range(0, count, BLOCK):
        yield _unit(rng.standard_normal((min(BLOCK, count - start), dimension), np.float32) @ axes)


def looks_at(faces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns a look at each face, (n, D) float32, L2 norm 1, but for every second one, which is a stranger's."""
    [others] = crowd(len(faces), faces.shape[1], seed=1)
    off = _unit(others - (others * faces).sum(1, keepdims=True) * faces)
    looks = LIKENESS * faces + (1 - LIKENESS**2) ** 0.5 * off
    looks[1::2] = others[1::2]
    return np.asarray(looks, np.float32)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
