"""The motion gate: whether a picture differs from the one that was looked at last."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daemon.polygons import Polygon, touched_pixels

CELLS = 160
"""Of the longer side of a thumbnail: a cell is four pixels of the picture that the detector sees by default."""
ROWS_READ = 4
"""Of each cell. Their mean is as steady as that of all rows, and reading them takes a third of the time at 1080p."""
LEAST_CELLS = 2
"""So many must differ: the smallest face that is found covers a dozen."""
DULLEST_LEVELS, KEENEST_LEVELS = 32.0, 2.0
"""Grey levels by which a cell must differ, at a sensitivity of 0 and of 1."""


class MotionGate:
    """Of one camera. Compares with the last picture that was looked at, not with the one before: what changes slowly
    adds up until it is seen, and whatever is held back looks like something that was analysed.

    Args:
        sensitivity: 0..1, see `threshold`.
        look_s: longest time between two looks, whatever happens.
        regions: polygons; what moves outside of all of them is no motion. None: everywhere.
    """

    def __init__(self, sensitivity: float, look_s: float, regions: Sequence[Polygon] = ()) -> None:
        self._levels = threshold(sensitivity)
        self._look_ns = int(look_s * 1e9)
        self._regions = regions
        self._watched = np.zeros((0, 0), np.bool_)
        self._looked: tuple[NDArray[np.float32], int] | None = None
        self._newest: tuple[NDArray[np.float32], int] | None = None

    def opens(self, luma: NDArray[np.uint8], captured_ns: int, *, is_followed: bool) -> bool:
        """Whether a picture is to be analysed.

        Args:
            luma: (H, W) uint8, privacy masks already black.
            captured_ns: when it was captured; a clock that never goes back.
            is_followed: whether a face is followed before this camera: it is looked at whether it moves or not.
        """
        cells = thumbnail(luma)
        self._newest = cells, captured_ns
        if self._looked is None or is_followed:
            return True
        before, looked_ns = self._looked
        return captured_ns - looked_ns >= self._look_ns or self._differs(cells, before)

    def note_look(self) -> None:
        """The picture that was asked about last is on its way to being analysed."""
        self._looked = self._newest

    def _differs(self, cells: NDArray[np.float32], before: NDArray[np.float32]) -> bool:
        if cells.shape != before.shape:
            return True
        changed = np.abs(cells - before) > self._levels
        if self._regions:
            if self._watched.shape != cells.shape:
                self._watched = touched_pixels(self._regions, cells.shape[1], cells.shape[0])
            changed &= self._watched
        return int(np.count_nonzero(changed)) >= min(LEAST_CELLS, cells.size)


def threshold(sensitivity: float) -> float:
    """Returns the grey levels by which a cell must differ; each tenth of sensitivity takes off a quarter.

    >>> [round(threshold(s), 1) for s in (0, 0.5, 1)]
    [32.0, 8.0, 2.0]
    """
    return float(DULLEST_LEVELS * (KEENEST_LEVELS / DULLEST_LEVELS) ** sensitivity)


def thumbnail(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Returns the mean grey level of each cell, (h, w) float32, its longer side 160 to 319 cells.

    Without OpenCV, which would take each camera worker 40 MB, and faster than its INTER_AREA from 720p on. What is left
    over at the right and the lower edge, less than a cell, is not read.
    """
    step = max(1, min(max(luma.shape) // CELLS, *luma.shape))
    height, width = (side // step * step for side in luma.shape)
    rows = range(0, step, max(1, step // ROWS_READ))
    columns_summed = _sum([luma[row:height:step, :width] for row in rows], np.uint16)
    sums = _sum([columns_summed[:, column::step] for column in range(step)], np.float32)
    return np.asarray(sums / (len(rows) * step), np.float32)


def _sum(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    total: NDArray[Any] = parts[0].astype(dtype)
    for part in parts[1:]:
        total += part
    return total
