"""Faces turned upright, scaled and cut to the size that embedders know."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images import YuvImage

ARCFACE_TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
"""(5, 2) float32: where the landmarks lie in a 112 px crop (Deng et al. 2019, arXiv:1801.07698)."""
TEMPLATE_SIZE = 112

MARGIN_PX = 4
"""What a crop takes around its face, so that interpolation and chroma see real neighbours."""


def similarity(points: NDArray[np.float32], template: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the rotation, uniform scale and shift that bring points nearest to the template.

    Least squares without reflection (Umeyama 1991). In the plane it has a closed form: with points as complex numbers
    around their means, the turn and scale is sum(conj(p) t) / sum(|p|^2).

    Args:
        points: (5, 2) or (N, 5, 2), x y.
        template: (5, 2), x y.

    Returns:
        (2, 3) or (N, 2, 3) float64, for `cv2.warpAffine`. Points that all coincide give a scale of zero.
    """
    p = points[..., 0] + 1j * points[..., 1].astype(np.float64)
    t = template[:, 0] + 1j * template[:, 1].astype(np.float64)
    p_mean, t_mean = p.mean(axis=-1, keepdims=True), t.mean()
    p = p - p_mean
    spread = np.maximum((np.abs(p) ** 2).sum(axis=-1), np.finfo(np.float32).tiny)
    turn = (p.conj() * (t - t_mean)).sum(axis=-1) / spread
    shift = t_mean - turn * p_mean[..., 0]
    rows = [turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag]
    return np.stack(rows, axis=-1).reshape(*turn.shape, 2, 3)


def align(image_bgr: NDArray[np.uint8], landmarks: NDArray[np.float32], size: int = 112) -> NDArray[np.uint8]:
    """Returns one aligned crop per face; what lies outside of the picture is black.

    Args:
        image_bgr: (H, W, 3) uint8.
        landmarks: (N, 5, 2) float32, pixels of the picture.
        size: side of a crop.

    Returns:
        (N, size, size, 3) uint8 BGR.
    """
    crops = np.zeros((len(landmarks), size, size, 3), np.uint8)
    height, width = image_bgr.shape[:2]
    for crop, matrix in zip(crops, _matrices(landmarks, size), strict=True):
        region = _source_region(matrix, size, width, height)
        if region is not None:
            x1, y1, x2, y2 = region
            _cut(image_bgr[y1:y2, x1:x2], (x1, y1), matrix, crop)
    return crops


def align_yuv(frame: YuvImage, landmarks: NDArray[np.float32], size: int = 112) -> NDArray[np.uint8]:
    """Returns one aligned crop per face, as `align` does, but converts only the faces' regions to BGR.

    Args:
        frame: the full-resolution frame.
        landmarks: (N, 5, 2) float32, pixels of that frame.
        size: side of a crop.
    """
    crops = np.zeros((len(landmarks), size, size, 3), np.uint8)
    for crop, matrix in zip(crops, _matrices(landmarks, size), strict=True):
        region = _source_region(matrix, size, frame.width, frame.height)
        if region is not None:
            source, origin = frame.crop_bgr(*region)
            _cut(source, origin, matrix, crop)
    return crops


def _matrices(landmarks: NDArray[np.float32], size: int) -> NDArray[np.float64]:
    return similarity(landmarks, ARCFACE_TEMPLATE * np.float32(size / TEMPLATE_SIZE))


def _source_region(matrix: NDArray[np.float64], size: int, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Returns x1 y1 x2 y2 of what a crop needs of the picture, or None where the crop shows nothing of it."""
    turn = matrix[:, :2]
    if not np.isfinite(matrix).all() or abs(np.linalg.det(turn)) < 1e-9:
        return None
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    source = (corners - matrix[:, 2]) @ np.linalg.inv(turn).T
    # A wildly wrong landmark must not overflow an integer, so clip before rounding.
    low = np.clip(source.min(axis=0) - MARGIN_PX, 0, (width, height)).astype(int)
    high = np.ceil(np.clip(source.max(axis=0) + MARGIN_PX, 0, (width, height))).astype(int)
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _cut(
    region: NDArray[np.uint8], origin: tuple[int, int], matrix: NDArray[np.float64], crop: NDArray[np.uint8]
) -> None:
    """Warps a region of the picture, whose upper left pixel is `origin`, into the crop."""
    matrix = matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ np.array(origin, np.float64)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:
        # warpAffine reads four pixels per output pixel; a large face would alias, so average it down to twice the crop.
        height, width = region.shape[:2]
        small_width, small_height = max(1, round(width * 2 * scale)), max(1, round(height * 2 * scale))
        region = np.asarray(cv2.resize(region, (small_width, small_height), interpolation=cv2.INTER_AREA), np.uint8)
        grow = np.array([width / small_width, height / small_height])
        # Pixel centres: x_large = (x_small + 0.5) * grow - 0.5.
        matrix[:, 2] += matrix[:, :2] @ (0.5 * grow - 0.5)
        matrix[:, :2] *= grow
    cv2.warpAffine(region, matrix, crop.shape[1::-1], dst=crop, flags=cv2.INTER_LINEAR)
