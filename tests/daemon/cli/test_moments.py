import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from daemon.cli.moments import parse_moment, seek
from deconvid_client import Requests
from deconvid_client.sockets import beside
from tests.deconvid_client.bus_double import BusDouble, bus

__all__ = ["bus"]

WINTER, SUMMER = (timezone(timedelta(hours=hours)) for hours in (1, 2))
NOW = datetime(2026, 7, 4, 15, 30, tzinfo=SUMMER)


@pytest.fixture
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as here:
        here.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")  # which needs no data of zones
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("15m", datetime(2026, 7, 4, 15, 15, tzinfo=SUMMER)),
        ("2d", datetime(2026, 7, 2, 15, 30, tzinfo=SUMMER)),
        ("14:05", datetime(2026, 7, 4, 14, 5, tzinfo=SUMMER)),
        ("2026-06-30", datetime(2026, 6, 30, tzinfo=SUMMER)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=WINTER)),
        ("2026-01-31T08:00", datetime(2026, 1, 31, 8, tzinfo=WINTER)),
        ("2026-01-31T08:00Z", datetime(2026, 1, 31, 9, tzinfo=WINTER)),
    ],
)
@pytest.mark.usefixtures("_berlin")
def test_moments_are_read_as_people_write_them(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "2026-02-30", "999999d", "-1", "15M"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no moment"):
        parse_moment(text, NOW)


@pytest.mark.parametrize("forgotten", [0, 7])
@pytest.mark.parametrize("events", [0, 1, 20])
def test_seek_finds_every_moment(bus: BusDouble, events: int, forgotten: int) -> None:
    bus.publish(*["face.left"] * events)
    for event in bus.events:
        event["published_at"] = (NOW + timedelta(minutes=event["sequence"])).isoformat()
    bus.forget(min(forgotten, events - 1))
    oldest = bus.events[0]["sequence"] if bus.events else 1
    with Requests(beside(bus.endpoint)) as requests:
        for minute in range(oldest, events + 2):
            assert seek(requests, NOW + timedelta(minutes=minute)).sequence == minute - 1
