"""Our own detector: every place of three grids predicts one face, as YuNet's do (Wu et al. 2023).

The network is training/detection/network.py.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.faces import LANDMARKS, Detections

STRIDES = (8, 16, 32)
PER_PLACE = 2 + 4 + 2 * LANDMARKS
LARGEST_OVERLAP = 0.4
SIZE_LIMITS = (-4.0, 6.0)
"""Of the predicted logarithms, as in training."""


def decode(outputs: Mapping[str, NDArray[np.float32]], height: int, width: int, threshold: float) -> Detections:
    """Returns every place above the threshold as a face, overlaps included.

    Args:
        outputs: per stride (1, 16, h, w), finest first: two logits, of a face and of one whose box is right; x and y
            from the place to the box's middle; logarithms of its width and height; x and y from the place to each of
            five landmarks; distances in strides.
        height, width: of the network's input; unused, because the grids have its size.
        threshold: least score, which is the geometric mean of what both logits say.
    """
    if [raw.shape[1] for raw in outputs.values()] != [PER_PLACE] * len(STRIDES):
        shapes = sorted({raw.shape[1:] for raw in outputs.values()})
        raise ModelError(
            f"a finder has {len(STRIDES)} outputs of {PER_PLACE}, this one gives {len(outputs)} of {shapes}. "
            f"Use another model"
        )
    levels = zip(outputs.values(), STRIDES, strict=True)
    return Detections.joined([_level(raw[0], stride, threshold) for raw, stride in levels])


def _level(raw: NDArray[np.float32], stride: int, threshold: float) -> Detections:
    # Where either logit is too small for the score, the other one does not matter.
    rows, columns = np.nonzero(raw[:2].min(axis=0) >= 2 * np.log(threshold))
    places = raw[:, rows, columns].T  # (N, 16)
    scores = np.sqrt(1 / (1 + np.exp(-places[:, 0])) / (1 + np.exp(-places[:, 1])))
    corners = np.stack([columns, rows], axis=1).astype(np.float32) * stride
    middles = corners + places[:, 2:4] * stride
    halves = np.exp(places[:, 4:6].clip(*SIZE_LIMITS)) * (stride / 2)
    landmarks = corners[:, None] + places[:, 6:].reshape(-1, LANDMARKS, 2) * stride
    found = Detections(np.concatenate([middles - halves, middles + halves], axis=1), scores, landmarks)
    return found[scores >= threshold]
