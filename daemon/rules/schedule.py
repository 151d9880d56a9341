"""Times of the week, on the clock of a place."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from config.rules import DAYS, WindowSettings


def is_within(windows: Sequence[WindowSettings], moment: datetime, zone: tzinfo | None) -> bool:
    """Whether a moment lies in any of the windows.

    What counts is what a clock on the wall shows: an hour that a time change skips is in no window, one that it repeats
    is in its window twice.

    Args:
        windows: none means always.
        moment: aware.
        zone: None: the machine's.
    """
    local = moment.astimezone(zone)
    return not windows or any(_is_in(window, local) for window in windows)


def _is_in(window: WindowSettings, local: datetime) -> bool:
    time, today = local.time(), DAYS[local.weekday()]
    if window.begin < window.end:
        return today in window.days and window.begin <= time < window.end
    yesterday = DAYS[(local.date() - timedelta(days=1)).weekday()]
    return (today in window.days and time >= window.begin) or (yesterday in window.days and time < window.end)
