"""Faces turned upright, scaled and cut to the size that embedders know."""

from dataclasses import dataclass
from typing import Self

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
SMALLEST_SCALE = 1e-4
"""Landmarks farther apart than any picture allows are no face."""
NEUTRAL = 128
"""Chroma of what has no colour."""


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
    turn, shift = _turn_and_shift(points, template)
    return _matrices(turn, shift)


def _template(size: int) -> NDArray[np.float32]:
    return np.asarray(ARCFACE_TEMPLATE * (size / TEMPLATE_SIZE), np.float32)


def _turn_and_shift(
    points: NDArray[np.float32], template: NDArray[np.float32]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Returns two numbers for each face: what a point x + iy is multiplied by, and what is added then."""
    p = points[..., 0] + 1j * points[..., 1].astype(np.float64)
    t = template[:, 0] + 1j * template[:, 1].astype(np.float64)
    p_mean, t_mean = p.mean(axis=-1, keepdims=True), t.mean()
    p = p - p_mean
    spread = np.maximum((p.real**2 + p.imag**2).sum(axis=-1), np.finfo(np.float32).tiny)
    turn = p.conj() @ (t - t_mean) / spread
    return turn, t_mean - turn * p_mean[..., 0]


def _matrices(turn: NDArray[np.complex128], shift: NDArray[np.complex128]) -> NDArray[np.float64]:
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
    cuts = Cuts.plan(landmarks, size, *image_bgr.shape[1::-1])
    matrices = cuts.matrices(pitch=1)
    for i in cuts.visible:
        _warp(cuts.part(i, image_bgr, pitch=1), matrices[i], crops[i], black=0)
    return crops


def align_yuv(frame: YuvImage, landmarks: NDArray[np.float32], size: int = 112) -> NDArray[np.uint8]:
    """Returns one aligned crop per face, as `align` does, out of planes: only the crops themselves become BGR.

    Args:
        frame: the full-resolution frame.
        landmarks: (N, 5, 2) float32, pixels of that frame.
        size: side of a crop.
    """
    crops = np.zeros((len(landmarks), size, size, 3), np.uint8)
    planes = np.empty((3, size, size), np.uint8)
    cuts = Cuts.plan(landmarks, size, frame.width, frame.height)
    luma, chroma = cuts.matrices(pitch=1), cuts.matrices(pitch=2)
    for i in cuts.visible:
        _warp(cuts.part(i, frame.y, pitch=1), luma[i], planes[0], black=frame.black)
        _warp(cuts.part(i, frame.u, pitch=2), chroma[i], planes[1], black=NEUTRAL)
        _warp(cuts.part(i, frame.v, pitch=2), chroma[i], planes[2], black=NEUTRAL)
        cv2.transform(cv2.merge(tuple(planes)), frame.to_bgr_matrix, dst=crops[i])
    return crops


def from_crops(points: NDArray[np.float32], landmarks: NDArray[np.float32], size: int = 112) -> NDArray[np.float32]:
    """Returns where points of aligned crops lie in the picture, (N, P, 2) float32.

    Args:
        points: (N, P, 2) float32, pixels of the crops.
        landmarks: (N, 5, 2) float32, what the crops were aligned by. Where `align` makes nothing of them, the points
            mean nothing.
        size: side of a crop.
    """
    with np.errstate(invalid="ignore"):
        turns, shifts = (part[:, None] for part in _turn_and_shift(landmarks, _template(size)))
        z = (points[..., 0] + 1j * points[..., 1] - shifts) / np.where(np.abs(turns) > SMALLEST_SCALE, turns, 1)
    return np.stack([z.real, z.imag], axis=-1).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """What the crops of N faces need of a picture."""

    visible: list[int]
    """Which faces show something of the picture; of the others nothing below means anything."""
    turns: NDArray[np.complex128]
    """(N,), from the picture to the crop, with points as complex numbers: turn and scale."""
    shifts: NDArray[np.complex128]
    """(N,), and shift."""
    shrinks: NDArray[np.intp]
    """(N,), by what the picture is averaged down before the crop is taken: interpolation reads four neighbours, and
    would skip the rest of a face that is more than twice as large as its crop."""
    regions: NDArray[np.intp]
    """(4, N), x1 y1 x2 y2 in the picture; x1 and y1 are even, because chroma has half the resolution."""

    @classmethod
    def plan(cls, landmarks: NDArray[np.float32], size: int, width: int, height: int) -> Self:
        """Args: see `align`; width, height: of the picture."""
        with np.errstate(invalid="ignore"):  # a network may give anything
            turns, shifts = _turn_and_shift(landmarks, _template(size))
            sane = np.isfinite(turns) & np.isfinite(shifts) & (np.abs(turns) > SMALLEST_SCALE)
        back = 1 / np.where(sane, turns, 1)
        shrinks = np.ceil(0.5 * np.abs(back)).astype(np.intp)
        middles = ((1 + 1j) * size / 2 - np.where(sane, shifts, 0)) * back
        reaches = (np.abs(back.real) + np.abs(back.imag)) * size / 2 + MARGIN_PX * shrinks
        # A wildly wrong landmark must not overflow an integer, so clip before rounding.
        limits, middle = np.array([[width], [height]]), np.stack([middles.real, middles.imag])
        low = np.clip(middle - reaches, 0, limits).astype(np.intp) & ~1
        high = np.ceil(np.clip(middle + reaches, 0, limits)).astype(np.intp)
        seen = sane & (high - low >= 2 * shrinks).all(axis=0)
        return cls(np.flatnonzero(seen).tolist(), turns, shifts, shrinks, np.concatenate([low, high]))

    def matrices(self, pitch: int) -> NDArray[np.float64]:
        """Returns (N, 2, 3) for `cv2.warpAffine`: from the pixels of what `part` returns to the crop."""
        grow = pitch * self.shrinks
        # Pixel centres: x_picture = origin + (x_part + 0.5) * grow - 0.5.
        origins = self.regions[0] + 1j * self.regions[1] + (1 + 1j) * (0.5 * grow - 0.5)
        return _matrices(self.turns * grow, self.shifts + self.turns * origins)

    def part(self, i: int, plane: NDArray[np.uint8], pitch: int) -> NDArray[np.uint8]:
        """Returns the region of a face, averaged down.

        Args:
            i: the face.
            plane: (H, W) or (H, W, C) uint8.
            pitch: how many of the picture's pixels lie from one of the plane's pixels to the next.
        """
        x1, y1, x2, y2 = (-(-edge // pitch) for edge in self.regions[:, i].tolist())
        shrink = int(self.shrinks[i])
        if shrink == 1:
            return plane[y1:y2, x1:x2]
        columns, rows = (x2 - x1) // shrink, (y2 - y1) // shrink
        region = plane[y1 : y1 + rows * shrink, x1 : x1 + columns * shrink]
        return np.asarray(cv2.resize(region, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _warp(part: NDArray[np.uint8], matrix: NDArray[np.float64], into: NDArray[np.uint8], black: int) -> None:
    cv2.warpAffine(part, matrix, into.shape[1::-1], dst=into, flags=cv2.INTER_LINEAR, borderValue=(black,) * 3)
