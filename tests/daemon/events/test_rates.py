from hypothesis import given
from hypothesis import strategies as st

from daemon.events.rates import RateLimit, TokenBucket


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_is_allowed_and_then_the_rate():
    clock = Clock()
    limit = RateLimit(rate=2, burst=3, clock=clock)
    assert [limit.allows("tv") for _ in range(4)] == [True, True, True, False]
    clock.now_s += 0.5
    assert [limit.allows("tv") for _ in range(2)] == [True, False]


def test_one_client_takes_nothing_from_another():
    limit = RateLimit(rate=1, burst=1, clock=Clock())
    assert limit.allows("tv")
    assert not limit.allows("tv")
    assert limit.allows("door")


def test_who_asked_last_is_remembered_and_no_more():
    limit = RateLimit(rate=1, burst=1, clients=2, clock=Clock())
    assert limit.allows("a")
    assert limit.allows("b")
    assert not limit.allows("a")
    assert limit.allows("c")  # b is forgotten
    assert not limit.allows("a")


@given(st.lists(st.floats(min_value=-5, max_value=5), max_size=200))
def test_no_clock_gives_more_than_burst_and_rate(steps):
    """Also one that is set back."""
    now_s = latest_s = 0.0
    bucket = TokenBucket(rate=3, burst=5, now_s=now_s)
    taken = 0
    for step in steps:
        now_s += step
        latest_s = max(latest_s, now_s)
        taken += bucket.take(now_s)
        assert taken <= 5 + 3 * latest_s + 1e-6
