"""Aligned crops as they are stored: so that another embedder can embed them again."""

import cv2
import numpy as np
from numpy.typing import NDArray

JPEG_QUALITY = 95


def encode_crop(pixels: NDArray[np.uint8]) -> bytes:
    """Returns a JPEG. Args: pixels: (H, W, 3) BGR."""
    _, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return jpeg.tobytes()
