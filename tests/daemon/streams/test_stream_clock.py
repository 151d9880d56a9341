import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.streams.stream_clock import StreamClock

MS = 1_000_000
FRAME_NS = 40 * MS
START_NS = 5_000 * 10**9


def listen(clock: StreamClock, frames: range, hold_ups=(0,)) -> None:
    """Notes frames that were captured 40 ms apart and held up by so much on their way, in turn."""
    for i in frames:
        clock.note(i * FRAME_NS, START_NS + i * FRAME_NS + hold_ups[i % len(hold_ups)])


def test_nothing_is_said_before_the_connection_has_settled():
    clock = StreamClock()
    clock.note(None, START_NS)
    listen(clock, range(70))
    assert clock.when(0) is None
    listen(clock, range(70, 90))
    assert clock.when(None) is None
    assert clock.when(100 * FRAME_NS) == START_NS + 100 * FRAME_NS


# The newest frame comes at most 14 frames and 400 ms after the last punctual one: within LATELY_NS.
@given(st.lists(st.integers(0, 400 * MS), min_size=1, max_size=14), st.integers(0, 14))
def test_frames_that_were_held_up_are_dated_as_if_they_were_not(hold_ups, punctual):
    hold_ups.insert(punctual, 0)
    clock = StreamClock()
    listen(clock, range(150), hold_ups)
    assert clock.when(120 * FRAME_NS) == START_NS + 120 * FRAME_NS


def test_clocks_that_drift_apart_are_followed():
    clock = StreamClock()
    for i in range(3000):  # two minutes in which the camera's clock runs 100 ppm slow
        clock.note(i * FRAME_NS, START_NS + int(i * FRAME_NS * 1.0001))
    captured_ns = START_NS + int(2999 * FRAME_NS * 1.0001)
    assert 0 <= captured_ns - clock.when(2999 * FRAME_NS) <= 2 * MS


@pytest.mark.parametrize("jump_s", [3600, -5, -3600])
def test_timestamps_that_jump_are_dated_anew(jump_s):
    clock = StreamClock()
    listen(clock, range(100))
    for i in range(100, 200):
        clock.note(i * FRAME_NS + jump_s * 10**9, START_NS + i * FRAME_NS)
    assert clock.when(199 * FRAME_NS + jump_s * 10**9) == START_NS + 199 * FRAME_NS


def test_nothing_is_said_for_a_while_when_frames_come_sooner_than_ever():
    clock = StreamClock()
    listen(clock, range(100), hold_ups=(60 * MS,))
    assert clock.when(0) == START_NS + 60 * MS
    listen(clock, range(100, 101))
    assert clock.when(100 * FRAME_NS) is None
    listen(clock, range(101, 180), hold_ups=(0, 300 * MS))
    assert clock.when(179 * FRAME_NS) == START_NS + 179 * FRAME_NS


def test_nothing_is_said_while_no_frame_comes_in_time():
    clock = StreamClock()
    listen(clock, range(100))
    assert clock.when(99 * FRAME_NS) is not None
    listen(clock, range(100, 130), hold_ups=(30 * MS,))
    assert clock.when(129 * FRAME_NS) is None
    listen(clock, range(130, 131))
    assert clock.when(130 * FRAME_NS) == START_NS + 130 * FRAME_NS


@pytest.mark.parametrize("drift", [0.99, 1.05])
def test_timestamps_that_keep_no_time_are_never_dated_wrong_by_more_than_a_frame(drift):
    clock = StreamClock()
    for i in range(2000):
        clock.note(int(i * FRAME_NS * drift), START_NS + i * FRAME_NS)
        dated_ns = clock.when(int(i * FRAME_NS * drift))
        assert dated_ns is None or abs(dated_ns - START_NS - i * FRAME_NS) <= FRAME_NS


def test_b_frames_are_no_jump():
    clock = StreamClock()
    for i in range(0, 99, 3):  # I P b b: the next P is sent first
        for shown, sent in ((i + 3, i + 3), (i + 1, i + 3), (i + 2, i + 3)):
            clock.note(shown * FRAME_NS, START_NS + sent * FRAME_NS)
    assert clock.when(50 * FRAME_NS) == START_NS + 50 * FRAME_NS
