import time

from daemon.streams.clocks import ArrivalClock, MediaClock, PacedClock


def test_a_paced_file_waits_until_a_frames_time_has_come():
    waits = []
    clock = PacedClock(waits.append)
    clock.stamp(0)
    clock.stamp(2_000_000_000)
    assert len(waits) == 1
    assert 1.9 < waits[0] <= 2


def test_a_fast_file_has_the_recordings_distances():
    clock = MediaClock()
    first, second = clock.stamp(0), clock.stamp(40_000_000)
    assert second.captured_ns - first.captured_ns == 40_000_000
    assert second.captured_wall_ns - first.captured_wall_ns == 40_000_000


def test_a_cameras_frame_is_captured_when_it_arrives_whatever_it_says():
    before = time.monotonic_ns()
    times = ArrivalClock().stamp(-5)
    assert before <= times.captured_ns <= time.monotonic_ns()
    assert times.media_ns == -5
