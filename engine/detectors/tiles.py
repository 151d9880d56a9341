"""Faces of a wide scene: looked for in the whole picture, and in overlapping parts of it that shrink less."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.detectors.nms import suppress_overlaps
from engine.faces import Detections
from engine.images import Picture, shrunk_bgr

if TYPE_CHECKING:
    from engine.detectors.detector import Detector

SHARED = 0.2
"""Part of a tile's side that its neighbour shows too; who is larger than that is found in the whole picture."""
BORDER_PX = 2
"""A box this near to a tile's edge is cut there: the neighbour, or the whole picture, has all of it."""
LARGEST_OVERLAP = 0.4


class TiledDetector:
    """
    Args:
        detector: looks at the whole and at each tile.
        tiles: per side, so that 3 means ten looks.
        picture_px: longer side of the picture of which planes become tiles.
    """

    def __init__(self, detector: "Detector", tiles: int, picture_px: int) -> None:
        self._detector, self._tiles, self._picture_px = detector, tiles, picture_px

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        return [self._detect(picture) for picture in pictures]

    def _detect(self, picture: Picture) -> Detections:
        image, scale = shrunk_bgr(picture, self._picture_px)
        looks = self._detector.detect([image, *(image[tile] for tile in tiles_of(image, self._tiles))])
        parts = [
            _whole_ones(found, tile, image) for found, tile in zip(looks[1:], tiles_of(image, self._tiles), strict=True)
        ]
        found = Detections.joined([looks[0], *parts])
        return found[suppress_overlaps(found.boxes, found.scores, LARGEST_OVERLAP)].scaled(1 / scale)


def tiles_of(image: NDArray[np.uint8], per_side: int) -> Iterator[tuple[slice, slice]]:
    """Yields the rows and columns of each tile, row by row."""
    height, width = image.shape[:2]
    return product(_cut(height, per_side), _cut(width, per_side))


def _cut(length: int, parts: int) -> list[slice]:
    """Returns equal parts of a length, neighbours sharing `SHARED` of theirs."""
    part = length / (parts - (parts - 1) * SHARED)
    starts = np.linspace(0, length - part, parts)
    return [slice(int(start), int(np.ceil(start + part))) for start in starts]


def _whole_ones(found: Detections, tile: tuple[slice, slice], image: NDArray[np.uint8]) -> Detections:
    """Returns the faces of a tile, in the picture's pixels, that the tile's edge does not cut."""
    rows, columns = tile
    moved = found.moved(columns.start, rows.start)
    low = [part.start + BORDER_PX if part.start > 0 else -np.inf for part in (columns, rows)]
    high = [
        part.stop - BORDER_PX if part.stop < length else np.inf
        for part, length in zip((columns, rows), image.shape[1::-1], strict=True)
    ]
    inside = (moved.boxes[:, :2] >= low).all(axis=1) & (moved.boxes[:, 2:] <= high).all(axis=1)
    return moved[np.flatnonzero(inside)]
