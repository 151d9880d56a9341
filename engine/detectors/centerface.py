"""CenterFace: faces as points of a heat map (Xu et al. 2019, arXiv:1911.03599)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.faces import Detections

STRIDE = 4
LARGEST_OVERLAP = 0.3

INPUT_SHAPES = {"input.1": (1, 3, None, None)}
"""The shipped file declares ten pictures of 32x32, but the network is fully convolutional."""


def decode(outputs: Mapping[str, NDArray[np.float32]], height: int, width: int, threshold: float) -> Detections:
    """Returns every point of the heat map above the threshold as a face, overlaps included.

    Args:
        outputs: `537` heat map (1, 1, h, w), `538` log of height and width in strides (1, 2, h, w),
            `539` offset of the centre, y and x, in strides (1, 2, h, w),
            `540` landmarks, y and x alternating, as shares of the box (1, 10, h, w).
        height, width: of the network's input; unused, because the heat map has its size.
        threshold: least score.
    """
    heat = outputs["537"][0, 0]
    rows, columns = np.nonzero(heat > threshold)
    sizes = np.exp(outputs["538"][0][:, rows, columns].T[:, ::-1]) * STRIDE  # (N, 2), width height
    offsets = outputs["539"][0][:, rows, columns].T[:, ::-1]  # (N, 2), x y
    centres = (np.stack([columns, rows], axis=1) + offsets + 0.5) * STRIDE
    corners = centres - sizes / 2
    shares = outputs["540"][0][:, rows, columns].T.reshape(-1, 5, 2)[..., ::-1]  # (N, 5, 2), x y
    return Detections(
        boxes=np.concatenate([corners, corners + sizes], axis=1).astype(np.float32),
        scores=heat[rows, columns],
        landmarks=(corners[:, None] + shares * sizes[:, None]).astype(np.float32),
    )
