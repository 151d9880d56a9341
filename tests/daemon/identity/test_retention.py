import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.identity.retention import Retention
from daemon.store import Store
from tests.daemon.factories import make_event


def append(store: Store, *ages_days: int) -> None:
    for age in ages_days:
        event = make_event()
        store.events.append(replace(event, at=event.at - timedelta(days=age)), lambda n: "{}")


def test_events_are_forgotten_at_most_once_an_hour(store: Store) -> None:
    append(store, 9, 8, 6)
    retention = Retention(store.events, keep_days=7)
    retention.enforce()
    assert [event.sequence for event in store.events.since(0)] == [3]
    append(store, 9, 0)
    retention.enforce()
    assert len(store.events.since(0)) == 3


def test_without_a_limit_nothing_is_forgotten(store: Store) -> None:
    append(store, 9999, 0)
    Retention(store.events, keep_days=None).enforce()
    assert len(store.events.since(0)) == 2


def test_failing_store_is_told_and_stops_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with closing(sqlite3.connect(store.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        Retention(store.events, keep_days=7).enforce()
    assert "events_not_forgotten" in caplog.text
