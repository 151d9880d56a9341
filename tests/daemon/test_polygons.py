import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from daemon.polygons import contains, touched_pixels

SHARES = st.integers(0, 24).map(lambda n: n / 24) | st.floats(0, 1)
"""Many on the edges of pixels, where a rounding counts."""
POINTS = st.tuples(SHARES, SHARES)
POLYGONS = st.lists(POINTS, min_size=3, max_size=7)
SIDES = st.integers(1, 40)
FEW = st.integers(1, 9)
OFFSETS = (0.0, 0.3, 0.5, 0.999)
"""Where in a pixel it is looked whether the polygon is there."""


@st.composite
def points_inside(draw: DrawFn, polygon: list[tuple[float, float]]) -> tuple[float, float]:
    """Points on lines between two points of the polygon's edges: all of a convex polygon, most of any other."""
    ends = []
    for _ in range(2):
        first = draw(st.integers(0, len(polygon) - 1))
        share = draw(SHARES)
        ends.append(_between(polygon[first], polygon[(first + 1) % len(polygon)], share))
    return _between(*ends, draw(SHARES))


def _between(a: tuple[float, float], b: tuple[float, float], share: float) -> tuple[float, float]:
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])


@given(polygon=POLYGONS, width=SIDES, height=SIDES, data=st.data())
def test_whatever_lies_in_a_polygon_is_touched(polygon, width, height, data):
    x, y = data.draw(points_inside(polygon))
    if contains(polygon, (x, y)):
        touched = touched_pixels([polygon], width, height)
        assert touched[min(int(y * height), height - 1), min(int(x * width), width - 1)]


@settings(max_examples=40, deadline=None)
@given(polygon=POLYGONS, width=FEW, height=FEW)
def test_every_sample_of_every_pixel_agrees(polygon, width, height):
    touched = touched_pixels([polygon], width, height)
    for row, column in np.argwhere(~touched):
        samples = [((column + dx) / width, (row + dy) / height) for dx in OFFSETS for dy in OFFSETS]
        assert not any(contains(polygon, sample) for sample in samples)


@given(left=SHARES, top=SHARES, right=SHARES, bottom=SHARES, width=SIDES, height=SIDES)
def test_no_pixel_beyond_a_rectangle_is_touched(left, top, right, bottom, width, height):
    touched = touched_pixels([[(left, top), (right, top), (right, bottom), (left, bottom)]], width, height)
    rows, columns = np.nonzero(touched)
    slack = 1e-5
    assert np.all((columns + 1 >= min(left, right) * width - slack) & (columns <= max(left, right) * width + slack))
    assert np.all((rows + 1 >= min(top, bottom) * height - slack) & (rows <= max(top, bottom) * height + slack))


def test_a_polygon_that_crosses_itself_leaves_no_hole():
    star = [(0.5 + 0.5 * np.sin(turn), 0.5 - 0.5 * np.cos(turn)) for turn in np.arange(5) * 4 * np.pi / 5]
    assert not contains(star, (0.5, 0.5))
    assert touched_pixels([star], 9, 9)[4, 4]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
def test_a_picture_of_one_row_or_column_can_be_covered(size):
    assert touched_pixels([[(0.4, 0.4), (0.6, 0.4), (0.5, 0.6)]], *size).any()


def test_several_polygons_add_up():
    left, right = [(0, 0), (0.2, 0), (0.2, 1)], [(1, 0), (0.8, 0), (0.8, 1)]
    both = touched_pixels([left, right], 30, 20)
    assert np.array_equal(both, touched_pixels([left], 30, 20) | touched_pixels([right], 30, 20))
    assert not touched_pixels([], 30, 20).any()
