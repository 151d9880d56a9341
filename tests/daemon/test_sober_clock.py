from datetime import UTC, datetime, timedelta

import pytest

from daemon.sober_clock import BELIEVED_AFTER_S, LEAP, SoberClock

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
YEARS = timedelta(days=4000)


class Clocks:
    """A wall clock that can be set, and time that passes."""

    def __init__(self) -> None:
        self.wall, self.passed_s = NOON, 0.0

    def wait(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.passed_s += seconds

    def sober(self, last: datetime | None = None) -> SoberClock:
        return SoberClock(last, lambda: self.wall, lambda: self.passed_s)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_a_clock_that_runs_is_believed(clocks: Clocks) -> None:
    clock = clocks.sober()
    for _ in range(3):
        clocks.wait(10_000)
        assert clock.now() == clocks.wall


def test_a_leap_that_is_taken_back_never_counted(clocks: Clocks, caplog: pytest.LogCaptureFixture) -> None:
    clock = clocks.sober()
    clocks.wall += YEARS
    clocks.wait(60)
    assert clock.now() == NOON + timedelta(seconds=60)
    clocks.wait(60)
    assert clock.now() == NOON + timedelta(seconds=120)
    assert caplog.text.count("clock_leapt") == 1
    clocks.wall -= YEARS
    assert clock.now() == clocks.wall == NOON + timedelta(seconds=120)


def test_a_leap_that_lasts_is_believed(clocks: Clocks) -> None:
    clock = clocks.sober()
    clocks.wall += YEARS
    clock.now()
    clocks.wait(BELIEVED_AFTER_S - 1)
    assert clock.now() < NOON + YEARS
    clocks.wait(1)
    assert clock.now() == clocks.wall


def test_a_leap_before_the_start_is_seen_by_what_was_told_last(clocks: Clocks) -> None:
    assert clocks.sober(last=NOON - YEARS).now() == NOON - YEARS
    assert clocks.sober(last=NOON - LEAP).now() == NOON


def test_going_back_is_believed_at_once(clocks: Clocks) -> None:
    clock = clocks.sober(last=NOON + YEARS)
    assert clock.now() == NOON
    clocks.wall -= YEARS
    assert clock.now() == NOON - YEARS
