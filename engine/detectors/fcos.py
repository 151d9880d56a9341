"""Our own detector: every place of three grids predicts one face, as in FCOS (Tian et al. 2019, arXiv:1904.01355).

The network is training/detection/network.py.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.faces import Detections

STRIDES = (8, 16, 32)
LARGEST_OVERLAP = 0.4
SIDE_LIMITS = (-4.0, 6.0)
"""Of the predicted logarithms, as in training."""


def decode(outputs: Mapping[str, NDArray[np.float32]], height: int, width: int, threshold: float) -> Detections:
    """Returns every place above the threshold as a face, overlaps included.

    Args:
        outputs: per stride (1, 15, h, w), finest first: logit; logarithms of the distances from the place's centre to
            the box's left, top, right and bottom; x and y of five landmarks from there; distances in strides.
        height, width: of the network's input; unused, because the grids have its size.
        threshold: least score.
    """
    least = float(np.log(threshold / (1 - threshold)))
    levels = zip(outputs.values(), STRIDES, strict=True)
    return Detections.joined([_level(raw[0], stride, least) for raw, stride in levels])


def _level(raw: NDArray[np.float32], stride: int, least: float) -> Detections:
    rows, columns = np.nonzero(raw[0] >= least)
    places = raw[:, rows, columns].T  # (N, 15)
    centres = (np.stack([columns, rows], axis=1).astype(np.float32) + 0.5) * stride
    sides = np.exp(places[:, 1:5].clip(*SIDE_LIMITS)) * stride
    return Detections(
        boxes=np.concatenate([centres - sides[:, :2], centres + sides[:, 2:]], axis=1),
        scores=(1 / (1 + np.exp(-places[:, 0]))).astype(np.float32),
        landmarks=centres[:, None] + places[:, 5:].reshape(-1, 5, 2) * stride,
    )
