"""Makes the pictures of one camera's tracks."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from config import SnapshotSettings
from daemon.messages import LARGEST_PICTURE, Picture
from engine.images import YuvImage

Box = tuple[float, float, float, float]

MARGIN = 0.5
"""Room around a face on each side, as a share of its box."""


@dataclass(slots=True)
class _Album:
    pictures: int = 0
    best_quality: float = -1.0


class Photographer:
    """Takes a picture of a track when it looks better than in all pictures before, and only so many times."""

    def __init__(self, settings: SnapshotSettings) -> None:
        self._settings = settings
        self._albums: dict[str, _Album] = {}

    def take(self, track: str, image: YuvImage, box: Box, quality: float) -> Picture | None:
        """Returns None if no picture is wanted.

        Args:
            track: its name.
            image: the whole frame; nothing of it is kept.
            box: x1 y1 x2 y2 of the face, pixels of the frame.
            quality: 0..1.
        """
        if self._settings.of == "none":
            return None
        album = self._albums.setdefault(track, _Album())
        if quality <= album.best_quality or album.pictures >= self._settings.most_per_track:
            return None
        album.pictures, album.best_quality = album.pictures + 1, quality
        pixels, left, top = self._cut(image, box)
        return _encode(pixels, (box[0] - left, box[1] - top, box[2] - left, box[3] - top), self._settings)

    def forget(self, track: str) -> None:
        self._albums.pop(track, None)

    def _cut(self, image: YuvImage, box: Box) -> tuple[NDArray[np.uint8], int, int]:
        """Returns (h, w, 3) BGR, and where its upper left pixel lies in the frame."""
        if self._settings.of == "frame":
            return image.to_bgr(), 0, 0
        x1, y1, x2, y2 = box
        dx, dy = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
        pixels, (left, top) = image.crop_bgr(*(round(edge) for edge in (x1 - dx, y1 - dy, x2 + dx, y2 + dy)))
        return pixels, left, top


def _encode(pixels: NDArray[np.uint8], box: Box, settings: SnapshotSettings) -> Picture | None:
    """Returns the JPEG, smaller than wanted if it has too many bytes otherwise; None if it cannot be made."""
    scale = min(1.0, settings.size_px / max(pixels.shape[:2]))
    while min(pixels.shape[:2]) * scale >= 1:
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
        done, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, settings.quality])
        if done and jpeg.nbytes <= LARGEST_PICTURE:
            x1, y1, x2, y2 = (edge * scale for edge in box)
            return Picture(jpeg.tobytes(), (x1, y1, x2, y2))
        scale /= 2
    return None
