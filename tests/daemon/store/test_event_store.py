from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.store import Store, UnknownPersonError
from tests.daemon.factories import make_event, make_template, unit


class Crash(Exception):  # noqa: N818
    pass


def crash(sequence: int) -> str:
    raise Crash


@given(st.lists(st.sampled_from(["append", "crash", "reopen", "foreign"]), max_size=20))
@settings(max_examples=25, deadline=None)
def test_sequence_has_no_gaps_whatever_fails(steps: list[str]) -> None:
    with TemporaryDirectory() as folder:
        store, expected = Store.open(Path(folder) / "db"), 0
        for step in steps:
            if step == "append":
                expected += 1
                assert store.events.append(make_event(), lambda n: f'{{"n":{n}}}').payload == f'{{"n":{expected}}}'
            elif step == "crash":
                with pytest.raises(Crash):
                    store.events.append(make_event(), crash)
            elif step == "foreign":
                with pytest.raises(UnknownPersonError):
                    store.events.append(make_event(person_id=77), lambda n: "{}")
            else:
                store.close()
                store = Store.open(Path(folder) / "db")
        assert [event.sequence for event in store.events.since(0)] == list(range(1, expected + 1))
        store.close()


def test_many_are_stored_in_order_without_those_of_erased_people(store: Store) -> None:
    ann = store.people.enrol("Ann", make_template(unit(1)))
    drafts = [(make_event(person_id), lambda n: str(n)) for person_id in (None, 77, ann.id, 78, None)]
    appended = store.events.append_many(drafts)
    assert [event and event.sequence for event in appended] == [1, None, 2, None, 3]
    assert [(event.sequence, event.payload) for event in store.events.since(0)] == [(1, "1"), (2, "2"), (3, "3")]
    assert [event for event in appended if event] == store.events.since(0)


def test_of_many_all_or_none_are_stored(store: Store) -> None:
    with pytest.raises(Crash):
        store.events.append_many([(make_event(), lambda n: "{}"), (make_event(), crash)])
    assert store.events.since(0) == []


def test_number_of_an_erased_persons_event_stays_taken(store: Store) -> None:
    ann = store.people.enrol("Ann", make_template(unit(1)))
    store.events.append(make_event(ann.id), lambda n: '{"person":{"id":1,"name":"Ann"}}')
    store.people.erase("Ann")
    assert store.events.append(make_event(), lambda n: "{}").sequence == 2


def test_last_of_each_track_is_told_once(store: Store) -> None:
    for track, kind in [
        ("t1", "face.unknown"),
        ("t2", "unknown"),
        ("t1", "corrected"),
        (None, "camera.state"),
    ]:
        store.events.append(make_event(track=track, kind=kind), lambda n: "{}")
    since = datetime.now(UTC) - timedelta(minutes=1)
    assert [(e.track, e.kind) for e in store.events.last_of_each_track(since)] == [
        ("t2", "unknown"),
        ("t1", "corrected"),
    ]
    assert store.events.last_of_each_track(datetime.now(UTC) + timedelta(minutes=1)) == []


def test_last_event_counts_whatever_its_own_time(store: Store) -> None:
    store.events.append(make_event(kind="face.unknown"), lambda n: "{}")
    early = replace(make_event(kind="face.left"), at=datetime(1970, 1, 1, tzinfo=UTC))
    store.events.append(early, lambda n: "{}")
    [last] = store.events.last_of_each_track(datetime.now(UTC) - timedelta(minutes=1))
    assert last.kind == "face.left"


def test_old_events_are_forgotten_and_the_newest_never(store: Store) -> None:
    now = datetime.now(UTC)
    for age in (3, 0, 2, 1):  # not in the order of their own times: a clock was set
        store.events.append(replace(make_event(), at=now - timedelta(days=age)), lambda n: "{}")
    assert store.events.forget_before(now - timedelta(days=1, hours=1)) == 2
    assert [event.sequence for event in store.events.since(0)] == [2, 4]
    assert store.events.forget_before(now + timedelta(days=1)) == 1
    assert [event.sequence for event in store.events.since(0)] == [4]
    assert store.events.append(make_event(), lambda n: "{}").sequence == 5


def test_oldest_events_are_forgotten_first_if_there_are_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.store.events.FORGET_AT_ONCE", 2)
    for _ in range(4):
        store.events.append(make_event(), lambda n: "{}")
    moment = datetime.now(UTC) + timedelta(minutes=1)
    assert [store.events.forget_before(moment) for _ in range(3)] == [2, 1, 0]


def test_time_survives_to_the_microsecond(store: Store) -> None:
    event = make_event()
    assert store.events.append(event, lambda n: "{}").at == store.events.since(0)[0].at == event.at
