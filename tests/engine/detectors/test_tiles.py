"""Tiles: what one look finds is what all looks find, cut faces left out."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.detectors import TiledDetector
from engine.detectors.tiles import SHARED, tiles_of
from engine.faces import Detections
from engine.images import Picture, shrunk_bgr

SPOT = 9
"""Pixels of a bright square that stands for a face."""


class SpotDetector:
    """Finds the one bright area of a picture, cut at the edges as real detectors cut."""

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        return [self._find(shrunk_bgr(picture, 10_000)[0]) for picture in pictures]

    def _find(self, image: NDArray[np.uint8]) -> Detections:
        rows, columns = np.nonzero(image[..., 0])
        if not len(rows):
            return Detections.empty()
        box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
        return Detections(box, np.array([0.9], np.float32), np.repeat(box[:, None, :2], 5, axis=1))


@given(st.integers(40, 200), st.integers(40, 200), st.integers(1, 4))
def test_tiles_cover_the_picture_and_share_their_borders(height: int, width: int, per_side: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    seen = np.zeros((height, width), int)
    tiles = list(tiles_of(image, per_side))
    for tile in tiles:
        seen[tile] += 1
    assert seen.min() >= 1
    assert len(tiles) == per_side**2
    if per_side > 1:
        rows = [tile[0] for tile in tiles[::per_side]]
        assert rows[0].stop - rows[1].start >= SHARED * (rows[0].stop - rows[0].start) - 2


@given(st.data(), st.integers(2, 4))
def test_a_face_anywhere_is_found_once_and_whole(data: st.DataObject, per_side: int) -> None:
    image = np.zeros((160, 240, 3), np.uint8)
    y, x = data.draw(st.integers(0, 160 - SPOT)), data.draw(st.integers(0, 240 - SPOT))
    image[y : y + SPOT, x : x + SPOT] = 255
    [found] = TiledDetector(SpotDetector(), per_side, 240).detect([image])
    assert found.boxes.tolist() == [[x, y, x + SPOT, y + SPOT]]
    assert found.landmarks[0, 0].tolist() == [x, y]


class BlindToLargePictures(SpotDetector):
    """As a detector that shrinks a large picture until a small face is gone."""

    def _find(self, image: NDArray[np.uint8]) -> Detections:
        return Detections.empty() if max(image.shape) > 200 else super()._find(image)


@pytest.mark.parametrize(("tiles", "faces"), [(1, 0), (2, 1)])
def test_tiles_find_what_the_whole_picture_does_not_show(tiles: int, faces: int) -> None:
    image = np.zeros((160, 240, 3), np.uint8)
    image[70 : 70 + SPOT, 20 : 20 + SPOT] = 255
    [found] = TiledDetector(BlindToLargePictures(), tiles, 240).detect([image])
    assert len(found) == faces
