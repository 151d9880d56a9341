import pytest

from daemon.frames import FrameTimes
from daemon.streams.clocks import ArrivalClock, MediaClock, PacedClock

ARRIVED = FrameTimes(captured_ns=70, captured_wall_ns=7)


def test_an_early_frame_of_a_paced_file_waits_until_its_time_has_come():
    waits = []
    clock = PacedClock(waits.append)
    assert clock.stamp(ARRIVED, 0) == ARRIVED
    assert clock.stamp(ARRIVED.later(500_000_000), 2_000_000_000) == ARRIVED.later(2_000_000_000)
    assert waits == [pytest.approx(1.5)]


def test_a_late_frame_of_a_paced_file_is_captured_when_it_arrives():
    waits = []
    clock = PacedClock(waits.append)
    clock.stamp(ARRIVED, 0)
    assert clock.stamp(ARRIVED.later(90), 40) == ARRIVED.later(90)
    assert waits == []


def test_a_fast_file_has_the_recordings_distances():
    clock = MediaClock()
    assert clock.stamp(ARRIVED, 40_000_000) == clock.stamp(ARRIVED, 0).later(40_000_000)


def test_a_cameras_frame_is_captured_when_it_arrives_whatever_it_says():
    assert ArrivalClock().stamp(ARRIVED, 10**12) == ARRIVED
