"""Polygons in pictures: whether a point lies in one, which pixels one touches. Without OpenCV, for camera workers."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Polygon = Sequence[Point]

ROUNDING = 1e-6
"""Of a pixel: how far an edge may be off for its arithmetic."""


def contains(polygon: Polygon, point: Point) -> bool:
    """Whether a point lies in a polygon: a ray from it to the right crosses the edges an odd number of times.

    >>> contains([(0, 0), (1, 0), (0, 1)], (0.2, 0.2)), contains([(0, 0), (1, 0), (0, 1)], (0.8, 0.8))
    (True, False)
    """
    x, y = point
    inside = False
    for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            inside = not inside
    return inside


def touched_pixels(polygons: Iterable[Polygon], width: int, height: int) -> NDArray[np.bool_]:
    """Returns (height, width) bool: True for each pixel of which any part lies in one of the polygons.

    Where a polygon crosses itself, what it goes round twice is inside too (non-zero winding): no hole is left.

    Args:
        polygons: corners as x, y, each 0 (left, top) to 1 (right, bottom).
        width: of the picture, pixels.
        height: of the picture, pixels.
    """
    touched = np.zeros((height, width), np.bool_)
    for polygon in polygons:
        corners = np.asarray(polygon, np.float64) * (width, height)
        # What an edge adds to all pixels to the right of a column, until it is summed up along each row.
        winding, outline = np.zeros((2, height, width + 1), np.int8)
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            _wind(winding, start, end)
            _draw(outline, start, end)
        touched |= np.cumsum(winding, axis=1, dtype=np.int8)[:, :-1] != 0
        touched |= np.cumsum(outline, axis=1, dtype=np.int8)[:, :-1] > 0
    return touched


def _wind(winding: NDArray[np.int8], start: NDArray[np.float64], end: NDArray[np.float64]) -> None:
    """Adds the edge's direction, up or down, to all pixels whose centre lies to its right."""
    (ax, ay), (bx, by) = start, end
    rows = np.arange(np.ceil(min(ay, by) - 0.5), np.ceil(max(ay, by) - 0.5))
    if rows.size:
        crossings = ax + (rows + 0.5 - ay) / (by - ay) * (bx - ax)
        columns = np.clip(np.ceil(crossings - 0.5), 0, winding.shape[1] - 1)
        winding[rows.astype(int), columns.astype(int)] += 1 if by > ay else -1


def _draw(outline: NDArray[np.int8], start: NDArray[np.float64], end: NDArray[np.float64]) -> None:
    """Adds 1 to all pixels that the edge passes through."""
    (ax, ay), (bx, by) = start, end
    height, width = outline.shape[0], outline.shape[1] - 1
    low, high = min(ay, by), max(ay, by)
    first, last = (int(np.clip(np.floor(y), 0, height - 1)) for y in (low - ROUNDING, high + ROUNDING))
    rows = np.arange(first, last + 1)
    if low == high:
        left, right = (np.full(rows.shape, x) for x in (min(ax, bx), max(ax, bx)))
    else:
        # Where it enters and where it leaves each row.
        ends = [ax + (np.clip(y, low, high) - ay) / (by - ay) * (bx - ax) for y in (rows, rows + 1)]
        left, right = np.minimum(*ends), np.maximum(*ends)
    outline[rows, np.clip(np.floor(left - ROUNDING), 0, width - 1).astype(int)] += 1
    outline[rows, np.clip(np.floor(right + ROUNDING), 0, width - 1).astype(int) + 1] -= 1
