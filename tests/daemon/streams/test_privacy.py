import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from daemon.polygons import touched_pixels
from daemon.streams.pictures import Picture
from daemon.streams.privacy import GREY, PrivacyMasks
from engine.images import YuvImage

SHARES = st.floats(0, 1)
POLYGON = st.lists(st.tuples(SHARES, SHARES), min_size=3, max_size=6)
SIZES = st.tuples(st.integers(1, 50), st.integers(1, 50))
CORNER = [(0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5)]


def make_picture(width: int, height: int, full_range: bool = False, luma: int = 200) -> Picture:
    """Bright and colourful everywhere; its rows have gaps, as those of a decoder."""
    half = (height + 1) // 2, (width + 1) // 2
    planes = [
        np.full((rows, columns + 8), level, np.uint8)[:, :columns]
        for (rows, columns), level in zip(((height, width), half, half), (luma, 40, 220), strict=True)
    ]
    return Picture((planes[0], planes[1], planes[2]), bt709=True, full_range=full_range)


@given(polygons=st.lists(POLYGON, min_size=1, max_size=3), sizes=st.lists(SIZES, min_size=1, max_size=3))
def test_no_masked_pixel_survives_whatever_the_polygons_and_sizes(polygons, sizes):
    masks = PrivacyMasks(polygons)
    for size in sizes:
        hidden = touched_pixels(polygons, *size)
        y, u, v = masks.hide(make_picture(*size)).planes
        assert np.all(y[hidden] == 0)
        assert np.all(y[~hidden] == 200)
        rows, columns = np.nonzero(hidden)
        assert np.all(u[rows // 2, columns // 2] == GREY)
        assert np.all(v[rows // 2, columns // 2] == GREY)


@given(size=SIZES, full_range=st.booleans())
def test_a_masked_part_is_the_same_whatever_was_there(size, full_range):
    masks = PrivacyMasks([CORNER])
    hidden = touched_pixels([CORNER], *size)
    bright, dark = (masks.hide(make_picture(*size, full_range, luma)) for luma in (235, 16))
    shown = [YuvImage(*each.planes, each.bt709, each.full_range).to_bgr() for each in (bright, dark)]
    assert np.array_equal(shown[0][hidden], shown[1][hidden])


def test_the_decoder_keeps_its_own_planes():
    picture = make_picture(32, 24)
    PrivacyMasks([CORNER]).hide(picture)
    assert np.all(picture.planes[0] == 200)


def test_without_masks_nothing_is_copied():
    picture = make_picture(32, 24)
    assert PrivacyMasks([]).hide(picture) is picture
