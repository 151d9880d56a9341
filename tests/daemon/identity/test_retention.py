import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.identity.retention import Retention
from daemon.sober_clock import SoberClock
from daemon.store import Store
from daemon.store.pictures import SNAPSHOTS_FOLDER
from tests.daemon.factories import make_event


def append(store: Store, *ages_days: int) -> None:
    for age in ages_days:
        event = make_event()
        store.events.append(replace(event, at=event.at - timedelta(days=age)), lambda n: "{}")


def test_events_are_forgotten_at_most_once_a_minute(store: Store) -> None:
    append(store, 9, 8, 6)
    retention = Retention(store.events, keep_days=7)
    retention.enforce()
    assert [event.sequence for event in store.events.since(0)] == [3]
    retention.enforce()  # nothing is left to forget
    append(store, 9, 0)
    retention.enforce()
    assert len(store.events.since(0)) == 3


def test_a_clock_that_leaps_deletes_nothing(store: Store) -> None:
    append(store, 6, 5, 0)
    leap = datetime.now(UTC) + timedelta(days=4000)
    Retention(store.events, keep_days=7, now=SoberClock(store.events.newest_at(), lambda: leap).now).enforce()
    assert len(store.events.since(0)) == 3
    Retention(store.events, keep_days=7, now=lambda: leap).enforce()
    assert len(store.events.since(0)) == 1


def test_much_to_forget_is_forgotten_step_by_step(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.store.events.FORGET_AT_ONCE", 2)
    append(store, 9, 9, 9, 9, 9, 0)
    retention = Retention(store.events, keep_days=7)
    for left in (4, 2, 1, 1):
        retention.enforce()
        assert len(store.events.since(0)) == left


def test_oldest_events_are_forgotten_beyond_a_size(store: Store) -> None:
    draft = (make_event(), lambda n: f'"{"x" * 998}"')
    store.events.append_many([draft] * 2000)
    retention = Retention(store.events, keep_days=None, keep_megabytes=1)
    for _ in range(3):
        retention.enforce()
    kept = store.events.since(0, limit=5000)
    assert 800 < len(kept) < 1000  # 1 MiB of events of 1000 bytes and some beside
    assert kept[-1].sequence == 2000


@pytest.mark.parametrize("limits", [{"keep_days": 7}, {"keep_days": None, "keep_megabytes": 0}])
def test_picture_goes_with_the_event_that_names_it(store: Store, tmp_path: Path, limits: dict[str, int | None]) -> None:
    folder = tmp_path / SNAPSHOTS_FOLDER
    folder.mkdir()
    for age, name in ((9, "old.jpg"), (0, "new.jpg")):
        (folder / name).touch()
        event = make_event()
        told = json.dumps({"snapshot": name})
        store.events.append(replace(event, at=event.at - timedelta(days=age)), lambda n, told=told: told)
    Retention(store.events, **limits).enforce()
    assert [path.name for path in folder.iterdir()] == ["new.jpg"]


def test_without_a_limit_nothing_is_forgotten(store: Store) -> None:
    append(store, 9999, 0)
    Retention(store.events, keep_days=None).enforce()
    assert len(store.events.since(0)) == 2


def test_failing_store_is_told_and_stops_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with closing(sqlite3.connect(store.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        Retention(store.events, keep_days=7).enforce()
    assert "events_not_forgotten" in caplog.text
