from hypothesis import given
from hypothesis import strategies as st

from daemon.streams.sampling import next_due

SECOND = 10**9


def sample(arrivals_ns: list[int], interval_ns: int) -> list[int]:
    due, taken = 0, []
    for arrival in arrivals_ns:
        if arrival >= due:
            taken.append(arrival)
            due = next_due(due, arrival, interval_ns)
    return taken


@given(st.lists(st.integers(-10_000_000, 10_000_000), min_size=250, max_size=250))
def test_25_frames_a_second_with_jitter_give_5(jitter_ns):
    arrivals = [SECOND + number * SECOND // 25 + jitter for number, jitter in enumerate(jitter_ns)]
    assert 49 <= len(sample(arrivals, SECOND // 5)) <= 52


def test_a_gap_is_not_caught_up():
    arrivals = [number * SECOND // 25 for number in range(25)]
    arrivals += [60 * SECOND + arrival for arrival in arrivals]
    assert len(sample(arrivals, SECOND // 5)) == 10


def test_a_camera_slower_than_the_detection_rate_is_analysed_whole():
    arrivals = [number * SECOND // 3 for number in range(30)]
    assert sample(arrivals, SECOND // 5) == arrivals
