from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.messages import Histogram
from daemon.operations.reporter import LatencyHistogram
from daemon.operations.windows import LatencyWindow, RateWindow, percentile_ms


def test_a_rate_is_of_the_last_seconds():
    window = RateWindow()
    rates = [window.add(float(s), 5 * min(s, 30)) for s in range(60)]
    assert rates[0] == 0
    assert rates[25] == 5
    assert rates[-1] == 0


def test_a_count_that_starts_anew_is_no_negative_rate():
    window = RateWindow()
    window.add(0, 1000)
    assert window.add(1, 3) == 0
    assert window.add(2, 8) == 5


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ((0, 0, 0), 0.5, None),
        ((10, 0, 0), 0.5, 5.0),
        ((0, 10, 0), 0.5, 55.0),
        ((5, 5, 0), 0.5, 10.0),
        ((0, 0, 3), 0.95, 100.0),
    ],
)
def test_percentiles_lie_in_their_bucket(counts, share, expected):
    assert percentile_ms(Histogram((10.0, 100.0), counts, 0.0), share) == expected


@given(st.lists(st.floats(0, 20000), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_in_the_bucket_of_the_true_one(durations, share):
    histogram = LatencyHistogram()
    for ms in durations:
        histogram.add(ms)
    snapshot = histogram.snapshot()
    found = percentile_ms(snapshot, share)
    true = sorted(durations)[ceil(share * len(durations)) - 1]
    upper = min((bound for bound in snapshot.bounds_ms if bound >= true), default=snapshot.bounds_ms[-1])
    lower = max((bound for bound in snapshot.bounds_ms if bound < true), default=0.0)
    assert found is not None
    assert lower - 1e-6 <= found <= upper + 1e-6


def test_latencies_of_a_minute_ago_are_forgotten_and_so_are_those_of_a_dead_worker():
    window = LatencyWindow()
    assert sum(window.add(0, Histogram((10.0,), (4, 0), 20.0)).counts) == 4
    assert sum(window.add(1, Histogram((10.0,), (6, 0), 30.0)).counts) == 6
    assert window.add(100, Histogram((10.0,), (7, 0), 40.0)).counts == (0, 0)
    assert window.add(101, Histogram((10.0,), (1, 0), 5.0)).counts == (1, 0)
