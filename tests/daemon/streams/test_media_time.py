from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.streams.media_time import LONGEST_STEP_NS, MediaTime

MS = 10**6
HOUR = 3600 * 1000
WRAP = 2**33 // 90  # an MPEG transport stream's clock starts anew after 26.5 hours


def positions(timestamps_ms: list[int | None], fps: Fraction | None = Fraction(25)) -> list[int]:
    """Returns media times in milliseconds."""
    time = MediaTime(fps)
    return [time.advance(None if pts is None else pts * MS) // MS for pts in timestamps_ms]


@pytest.mark.parametrize(
    ("timestamps", "expected"),
    [
        ([500, 540, 640, 680], [0, 40, 140, 180]),
        ([0, 50, HOUR, HOUR + 50], [0, 50, 100, 150]),
        ([WRAP - 50, WRAP, 40, 90], [0, 50, 100, 150]),
        ([0, 50, 50, HOUR], [0, 50, 50, 100]),
        ([None, None, None], [0, 40, 80]),
        ([None, 0, 50, None, 150], [0, 40, 90, 140, 190]),
        ([0, 9000, 9050], [0, 9000, 9050]),
    ],
    ids=["regular", "forward", "wrap", "equal", "missing", "some-missing", "long-exposure"],
)
def test_time_goes_as_the_timestamps_do_where_they_make_sense(timestamps, expected):
    assert positions(timestamps) == expected


@pytest.mark.parametrize("fps", [None, Fraction(0)])
def test_a_file_without_a_frame_rate_is_taken_for_a_usual_one(fps):
    assert positions([None, None], fps) == [0, 40]


@given(st.lists(st.none() | st.integers(-(2**40), 2**40)), st.none() | st.fractions(0, 1000))
def test_time_never_jumps_and_never_goes_back(timestamps, fps):
    time = MediaTime(fps)
    seen = [time.advance(pts) for pts in timestamps]
    assert seen[:1] in ([], [0])
    assert all(0 <= after - before <= LONGEST_STEP_NS for before, after in pairwise(seen))
