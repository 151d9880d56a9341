"""Days, as operators write them."""

from datetime import UTC, date, datetime, time, timedelta


def end_of_day(day: str) -> datetime:
    """Returns the moment at which a day (2027-12-31) is over, UTC.

    Raises:
        ValueError: it is no day.
    """
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{day!r} is no day. Write it as 2027-12-31") from None
