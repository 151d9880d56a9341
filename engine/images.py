"""Pictures as the engine sees them: photos from files, and frames as cameras deliver them."""

from dataclasses import dataclass
from functools import cache
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.photos import load_photo

__all__ = ["Picture", "YuvImage", "load_photo", "shrunk_bgr", "size_of"]


@dataclass(frozen=True, slots=True, eq=False)
class YuvImage:
    """A frame in planes, 4:2:0. The planes may be views of shared memory: whoever holds one must not keep it."""

    y: NDArray[np.uint8]
    """(H, W) uint8, luma."""
    u: NDArray[np.uint8]
    """(ceil(H / 2), ceil(W / 2)) uint8, blue difference."""
    v: NDArray[np.uint8]
    """(ceil(H / 2), ceil(W / 2)) uint8, red difference."""
    bt709: bool
    """BT.709 (high definition), else BT.601."""
    full_range: bool
    """0..255, else luma 16..235 and chroma 16..240."""

    def __post_init__(self) -> None:
        chroma = ((self.height + 1) // 2, (self.width + 1) // 2)
        for name, plane, shape in (("y", self.y, self.y.shape), ("u", self.u, chroma), ("v", self.v, chroma)):
            if plane.ndim != 2 or plane.shape != shape or plane.dtype != np.uint8 or not plane.size:
                raise ValueError(f"plane {name} must be uint8 of shape {shape}, got {plane.dtype} {plane.shape}")

    @property
    def width(self) -> int:
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        return int(self.y.shape[0])

    @property
    def black(self) -> int:
        """The luma of black."""
        return 0 if self.full_range else 16

    @property
    def to_bgr_matrix(self) -> NDArray[np.float32]:
        """(3, 4) float32: B, G, R from Y, U, V and 1."""
        return _yuv_to_bgr(self.bt709, self.full_range)

    def to_bgr(self) -> NDArray[np.uint8]:
        """Returns the picture, (H, W, 3) uint8 BGR."""
        # Twice the chroma plane covers the luma plane, plus a row or column where the frame's side is odd.
        doubled = (2 * self.u.shape[1], 2 * self.u.shape[0])
        u, v = (
            cv2.resize(plane, doubled, interpolation=cv2.INTER_LINEAR)[: self.height, : self.width]
            for plane in (self.u, self.v)
        )
        return np.asarray(cv2.transform(cv2.merge((self.y, u, v)), self.to_bgr_matrix), np.uint8)

    def resized(self, width: int, height: int) -> Self:
        """Returns the frame at another size, still in planes and in memory of its own."""
        chroma = ((width + 1) // 2, (height + 1) // 2)
        shrinks = width < self.width and height < self.height
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        y = cv2.resize(self.y, (width, height), interpolation=how)
        u, v = (cv2.resize(plane, chroma, interpolation=how) for plane in (self.u, self.v))
        return type(self)(
            np.asarray(y, np.uint8), np.asarray(u, np.uint8), np.asarray(v, np.uint8), self.bt709, self.full_range
        )

    def shrunk(self, longer_px: int) -> tuple[Self, float]:
        """Returns the frame with its longer side at most so long, and by what it was scaled."""
        scale = min(1.0, longer_px / max(self.height, self.width))
        if scale == 1:
            return self, scale
        # A strip of a picture keeps at least a pixel.
        return self.resized(*(max(1, round(side * scale)) for side in (self.width, self.height))), scale

    def crop_bgr(self, x1: int, y1: int, x2: int, y2: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """Converts a part of the frame only.

        Args:
            x1, y1, x2, y2: pixels; clamped to the frame, x1 and y1 rounded down to even ones because chroma is halved.

        Returns:
            The part, (h, w, 3) uint8 BGR, and where its upper left pixel lies in the frame, (x, y).

        Raises:
            ValueError: the part has no pixel in the frame.
        """
        x1, y1 = max(0, x1) & ~1, max(0, y1) & ~1
        x2, y2 = min(self.width, x2), min(self.height, y2)
        if x1 >= x2 or y1 >= y2:
            raise ValueError(f"no pixel of a {self.width}x{self.height} frame lies in x {x1}..{x2}, y {y1}..{y2}")
        chroma = slice(y1 // 2, (y2 + 1) // 2), slice(x1 // 2, (x2 + 1) // 2)
        part = type(self)(self.y[y1:y2, x1:x2], self.u[chroma], self.v[chroma], self.bt709, self.full_range)
        return part.to_bgr(), (x1, y1)


@cache
def _yuv_to_bgr(bt709: bool, full_range: bool) -> NDArray[np.float32]:
    """Returns (3, 4) float32: B, G, R from Y, U, V and 1.

    From the luma weights of ITU-R BT.601 and BT.709; `cv2.cvtColor` knows only BT.601 in limited range.
    """
    red, blue = (0.2126, 0.0722) if bt709 else (0.299, 0.114)
    green = 1 - red - blue
    luma, chroma, black = (1.0, 1.0, 0.0) if full_range else (255 / 219, 255 / 224, 16.0)
    b_from_u, r_from_v = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    weights = np.array(
        [
            [luma, b_from_u, 0],
            [luma, -b_from_u * blue / green, -r_from_v * red / green],
            [luma, 0, r_from_v],
        ]
    )
    offset = -weights @ np.array([black, 128, 128])
    return np.column_stack([weights, offset]).astype(np.float32)


Picture = NDArray[np.uint8] | YuvImage
"""(H, W, 3) uint8 BGR, or planes."""


def size_of(picture: Picture) -> tuple[int, int]:
    """Returns width and height."""
    if isinstance(picture, YuvImage):
        return picture.width, picture.height
    return picture.shape[1], picture.shape[0]


def shrunk_bgr(picture: Picture, longer_px: int) -> tuple[NDArray[np.uint8], float]:
    """Returns a picture as BGR and by what it was scaled: planes are shrunk before they become BGR, BGR stays."""
    if not isinstance(picture, YuvImage):
        return picture, 1.0
    small, scale = picture.shrunk(longer_px)
    return small.to_bgr(), scale
