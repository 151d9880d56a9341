"""Synthetic pictures on which networks' arithmetic can be compared: no faces of anybody, the same ones everywhere."""

import numpy as np
from numpy.typing import NDArray

PROBES = 8
SIDE_PX = 112
CELLS = 8


def probe_crops() -> NDArray[np.uint8]:
    """Returns (8, 112, 112, 3) uint8 BGR: coarse random colours, each with finer texture than the one before."""
    rng = np.random.default_rng(20261122)
    coarse = rng.integers(0, 256, (PROBES, CELLS, CELLS, 3))
    crops = np.kron(coarse, np.ones((1, SIDE_PX // CELLS, SIDE_PX // CELLS, 1), np.int64))
    texture = rng.integers(-128, 128, crops.shape) * np.arange(PROBES).reshape(-1, 1, 1, 1) // PROBES
    return np.clip(crops + texture, 0, 255).astype(np.uint8)


def probe_picture() -> NDArray[np.uint8]:
    """Returns (224, 448, 3) uint8 BGR: the crops in two rows."""
    rows = np.split(probe_crops(), 2)
    return np.vstack([np.hstack(list(row)) for row in rows])
