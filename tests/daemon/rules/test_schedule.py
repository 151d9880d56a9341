from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.rules import DAYS, WindowSettings
from daemon.rules.schedule import is_within

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = WindowSettings.model_validate({"days": ["fri"], "begin": "22:00", "end": "06:00"})


@pytest.mark.parametrize(
    ("local", "inside"),
    [
        ("2026-03-06 21:59", False),
        ("2026-03-06 22:00", True),
        ("2026-03-07 05:59", True),
        ("2026-03-07 06:00", False),
        ("2026-03-07 23:00", False),
        ("2026-03-06 05:00", False),
    ],
)
def test_night_belongs_to_the_day_on_which_it_begins(local: str, inside: bool) -> None:
    assert is_within([NIGHT], datetime.fromisoformat(local).replace(tzinfo=BERLIN), BERLIN) == inside


def test_nights_in_which_the_clocks_change() -> None:
    window = WindowSettings.model_validate({"days": ["sun"], "begin": "02:00", "end": "03:00"})
    spring = [datetime(2026, 3, 29, 0, tzinfo=UTC) + timedelta(minutes=n) for n in range(180)]
    autumn = [datetime(2026, 10, 25, 0, tzinfo=UTC) + timedelta(minutes=n) for n in range(180)]
    assert not any(is_within([window], moment, BERLIN) for moment in spring), "the hour is skipped"
    assert sum(is_within([window], moment, BERLIN) for moment in autumn) == 120, "the hour comes twice"


minutes = st.integers(0, 24 * 60 - 1)


@given(minutes, minutes, st.sets(st.sampled_from(DAYS), min_size=1), st.integers(0, 7 * 24 * 60 - 1))
def test_agrees_with_counting_minutes(begin: int, end: int, days: set, minute: int) -> None:
    window = WindowSettings.model_validate(
        {
            "days": sorted(days),
            "begin": f"{begin // 60:02}:{begin % 60:02}",
            "end": f"{end // 60:02}:{end % 60:02}",
        }
    )
    length = end - begin if begin < end else end - begin + 24 * 60
    starts = [DAYS.index(day) * 24 * 60 + begin for day in days]
    expected = any((minute - start) % (7 * 24 * 60) < length for start in starts)
    moment = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=minute)
    assert is_within([window], moment, ZoneInfo("UTC")) == expected
