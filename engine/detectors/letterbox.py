"""Pictures made as small as wanted and padded to sizes that a network with stride 32 accepts, never stretched."""

import cv2
import numpy as np
from numpy.typing import NDArray

STRIDE = 32


def letterbox(image: NDArray[np.uint8], size_px: int) -> tuple[NDArray[np.uint8], float]:
    """Returns the picture with its longer side at most `size_px`, padded black at the right and the bottom.

    A picture that is small enough keeps its size.

    Args:
        image: (H, W, 3) uint8, any colour order.
        size_px: longest side before padding.

    Returns:
        (h, w, 3) uint8 with h and w multiples of 32, and the factor from the given picture's pixels to its pixels.
    """
    height, width = image.shape[:2]
    scale = min(1.0, size_px / max(height, width))
    if scale < 1:
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    padding = (0, -height % STRIDE, 0, -width % STRIDE)
    if any(padding):
        image = np.asarray(cv2.copyMakeBorder(image, *padding, cv2.BORDER_CONSTANT), np.uint8)
    return image, scale
