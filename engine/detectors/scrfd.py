"""SCRFD: distances from anchor centres at three scales (Guo et al. 2021, arXiv:2105.04714)."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.faces import Detections

STRIDES = (8, 16, 32)
ANCHORS = 2
LARGEST_OVERLAP = 0.4


def decode(outputs: Mapping[str, NDArray[np.float32]], height: int, width: int, threshold: float) -> Detections:
    """Returns every anchor above the threshold as a face, overlaps included.

    Args:
        outputs: in the file's order three arrays of scores (n, 1), three of distances to the box's left, top, right
            and bottom (n, 4), three of landmarks (n, 10), for strides 8, 16 and 32, in strides; some files put
            a batch axis of one before.
        height, width: of the network's input.
        threshold: least score.
    """
    arrays = list(outputs.values())
    if len(arrays) != 3 * len(STRIDES):
        raise ModelError(f"an SCRFD model with landmarks has 9 outputs, this one has {len(arrays)}. Use another model")
    boxes, scores, landmarks = [], [], []
    for stride, score, distances, offsets in zip(STRIDES, arrays[0:3], arrays[3:6], arrays[6:9], strict=True):
        score = score.reshape(-1)
        chosen = np.flatnonzero(score >= threshold)
        centres = _anchor_centres(height // stride, width // stride, stride)[chosen]
        reach = distances.reshape(-1, 4)[chosen] * stride
        boxes.append(np.concatenate([centres - reach[:, :2], centres + reach[:, 2:]], axis=1))
        scores.append(score[chosen])
        landmarks.append(centres[:, None] + offsets.reshape(-1, 5, 2)[chosen] * stride)
    return Detections(np.concatenate(boxes), np.concatenate(scores), np.concatenate(landmarks))


@lru_cache(maxsize=64)
def _anchor_centres(rows: int, columns: int, stride: int) -> NDArray[np.float32]:
    """Returns (rows * columns * ANCHORS, 2) float32, x y, in the order of the outputs."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32) * np.float32(stride)
    centres: NDArray[np.float32] = np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), ANCHORS, axis=0)
    centres.flags.writeable = False  # shared by every caller
    return centres
