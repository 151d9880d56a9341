"""What a user writes for "since when": an event's number, a moment, or how long ago."""

import re
from datetime import UTC, datetime, time, timedelta

from deconvid_client import Cursor, Requests

AGO = re.compile(r"(\d{1,6})([smhd])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

HELP = (
    "An event's number, a moment (2026-01-31, 14:30, 2026-01-31T14:30, local unless it names its zone) or 15m, 2h, 3d."
)


def parse_moment(text: str, now: datetime) -> datetime:
    """Returns a moment with its zone.

    Args:
        text: as `HELP` says, but not a number.
        now: local; a time without a day is of this one.

    Raises:
        ValueError: it is none.
    """
    try:
        if ago := AGO.fullmatch(text):
            return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        has_date = "-" in text
        moment = datetime.fromisoformat(text) if has_date else datetime.combine(now, time.fromisoformat(text))
        # Not `now`'s offset: in January Berlin's clocks are set otherwise than in July.
        return moment if moment.tzinfo else moment.astimezone()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no moment. {HELP}") from None


def place_of(text: str, requests: Requests, now: datetime) -> Cursor:
    """Returns the place after which the events since then lie.

    Raises:
        ValueError: it is neither a number nor a moment.
        BusError: the daemon does not answer.
    """
    if text.isascii() and text.isdecimal():
        return Cursor(None, int(text) - 1 if int(text) else 0)
    return seek(requests, parse_moment(text, now))


def seek(requests: Requests, moment: datetime) -> Cursor:
    """Finds the first event that was published at a moment or later, by halving what is kept.

    Raises:
        BusError: the daemon does not answer.
    """
    page = requests.replay(limit=1)
    older, newer = max(0, page.oldest - 1), page.newest
    # Always: what comes up to `older` was published before the moment, what comes after `newer` was not.
    while older < newer:
        middle = (older + newer) // 2
        following = requests.replay(Cursor(page.epoch, middle), limit=1).events
        if following and datetime.fromisoformat(following[0].data["published_at"]) < moment:
            older = following[0].sequence
        else:
            newer = middle
    return Cursor(page.epoch, newer)


def here_and_now() -> datetime:
    return datetime.now(UTC).astimezone()
