"""One box per face."""

import numpy as np
from numpy.typing import NDArray


def suppress_overlaps(boxes: NDArray[np.float32], scores: NDArray[np.float32], threshold: float) -> NDArray[np.intp]:
    """Returns the indices of the boxes to keep, best score first (greedy non-maximum suppression).

    The result does not depend on the order of the boxes: equal scores are ordered by position.

    Args:
        boxes: (N, 4) float32, x1 y1 x2 y2.
        scores: (N,) float32.
        threshold: two kept boxes have an intersection over union of at most this.
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = np.lexsort((*boxes.T, -scores))
    keep: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        keep.append(best)
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        common = np.maximum(high - low, 0).prod(axis=1)
        union = areas[best] + areas[rest] - common
        order = rest[common <= threshold * union]
    return np.array(keep, np.intp)
