"""A photo as the main stream's frame, and the same photo made small and squeezed as the small stream's."""

import cv2
import numpy as np
import pytest

from daemon.closer.lender import cut
from daemon.closer.main_stream import RefusedError
from daemon.closer.messages import Wanted
from daemon.closer.region import area_around, image_of, look_closer
from daemon.streams.pictures import Picture

SMALL = (128, 96)
"""Width and height: a quarter of the photo's width, and less than that of its height."""


def picture_of(bgr) -> Picture:
    height, width = bgr.shape[:2]
    planes = np.split(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420).reshape(-1), [height * width, height * width * 5 // 4])
    y, u, v = (p.reshape(s) for p, s in zip(planes, [(height, width), *[(height // 2, width // 2)] * 2], strict=True))
    return Picture((y, u, v), bt709=False, full_range=False)


@pytest.fixture(scope="module")
def face(face_engine, astronaut):
    [found] = face_engine.detector.detect([astronaut])
    return found[:1]


@pytest.fixture(scope="module")
def small_box(face, astronaut) -> tuple[float, float, float, float]:
    height, width = astronaut.shape[:2]
    return tuple((face.boxes[0] * np.array([SMALL[0] / width, SMALL[1] / height] * 2)).tolist())


def test_the_face_of_the_main_stream_is_found_where_the_small_one_has_it(face_engine, astronaut, face, small_box):
    region = cut(picture_of(astronaut), Wanted(7, 0, area_around(small_box, SMALL)))
    assert region.number == 7
    assert region.frame_size == (512, 512)
    look = look_closer(region, small_box, SMALL, face_engine.detector)
    [whole] = face_engine.detector.detect([astronaut])
    assert look.quality > 0.5
    assert look.pixels.shape == (112, 112, 3)
    assert len(whole) == 1


@pytest.mark.parametrize(("widths", "is_it"), [(0.3, True), (0.8, False), (1.5, False)])
def test_another_face_is_not_taken_for_it(face_engine, astronaut, small_box, widths, is_it):
    region = cut(picture_of(astronaut), Wanted(7, 0, (0, 0, 1, 1)))
    x1, y1, x2, y2 = small_box
    aside = (x1 - 1.5 * (x2 - x1), y1, x2 - 1.5 * (x2 - x1), y2)
    aside = (x1 - widths * (x2 - x1), y1, x2 - widths * (x2 - x1), y2)
    assert (look_closer(region, aside, SMALL, face_engine.detector) is not None) is is_it


@pytest.mark.parametrize(
    ("area", "origin", "size"),
    [
        ((-1, -1, 2, 2), (0, 0), (65, 49)),
        ((0.5, 0.5, 2, 2), (32, 24), (33, 25)),
        ((0.1, 0.1, 0.2, 0.2), (6, 4), (8, 6)),
    ],
)
def test_a_part_is_cut_at_even_pixels_and_inside_the_frame(area, origin, size):
    luma = np.arange(49 * 65, dtype=np.uint16).reshape(49, 65).astype(np.uint8)
    chroma = np.arange(25 * 33, dtype=np.uint16).reshape(25, 33).astype(np.uint8)
    region = cut(Picture((luma, chroma, chroma[::-1]), True, False), Wanted(1, 0, area))
    assert (region.origin, region.size) == (origin, size)
    image = image_of(region)
    (left, top), (width, height) = origin, size
    assert (image.y == luma[top : top + height, left : left + width]).all()
    assert (image.u == chroma[top // 2 :, left // 2 :][: (height + 1) // 2, : (width + 1) // 2]).all()


def test_what_is_no_part_of_the_frame_is_refused():
    picture = Picture((np.zeros((48, 64), np.uint8), *[np.zeros((24, 32), np.uint8)] * 2), True, False)
    with pytest.raises(RefusedError, match="no_frame"):
        cut(picture, Wanted(1, 0, (1.1, 0, 1.2, 1)))


def test_what_no_message_may_hold_is_refused():
    picture = Picture((np.zeros((2000, 2000), np.uint8), *[np.zeros((1000, 1000), np.uint8)] * 2), True, False)
    with pytest.raises(RefusedError, match="too_large"):
        cut(picture, Wanted(1, 0, (0, 0, 1, 1)))
