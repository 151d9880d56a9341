import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import zmq

from daemon.events import AnyEvent, CameraChanged, Corrected, EventPublisher, Identified, Left, decode_event
from daemon.identity import DecisionRules
from daemon.identity.recogniser import Recogniser
from daemon.messages import CameraStateChanged, TrackEnded, TracksInSight
from daemon.store import Store
from tests.daemon.factories import MODEL, make_face, make_template, towards, unit

RULES = DecisionRules(threshold=0.5, margin=0.05, hysteresis=0.05, least_observations=2)
ANN, BOB = unit(1), unit(2)

Make = Callable[..., Recogniser]


@pytest.fixture
def make_recogniser(store: Store, tmp_path: Path) -> Iterator[Make]:
    with EventPublisher(store, f"ipc://{tmp_path}/events", zmq.Context.instance()) as publisher:
        yield lambda model=MODEL: Recogniser(store, publisher, model, RULES)


def events(store: Store) -> list[AnyEvent]:
    return [decode_event(stored.payload) for stored in store.events.since(0)]


def kinds(store: Store) -> list[str]:
    return [event.kind for event in events(store)]


def show(recogniser: Recogniser, track: str, *faces: object) -> None:
    for face in faces:
        recogniser.take(make_face(track, face))  # type: ignore[arg-type]


def fill_disk(store: Store) -> None:
    with store.database.read() as session:
        pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()
        session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def free_disk(store: Store) -> None:
    with store.database.read() as session:
        session.connection().exec_driver_sql("PRAGMA max_page_count = 100000")


def test_person_is_identified_once_and_leaves(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    recogniser = make_recogniser()
    show(recogniser, "t1", ANN, ANN, ANN)
    recogniser.take(TrackEnded("door", "t1", 1_000_000_000, 2_000_000_000))
    identified, left = events(store)
    assert isinstance(identified, Identified)
    assert identified.person
    assert identified.person.name == "Ann"
    assert (identified.box, identified.frame_size) == ((10, 20, 50, 70), (640, 480))
    assert isinstance(left, Left)
    assert (left.person, left.first_seen_at) == (identified.person, "1970-01-01T00:00:01.000000Z")


def test_track_that_nothing_was_said_about_leaves_in_silence(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    show(recogniser, "t1", ANN)
    recogniser.take(TrackEnded("door", "t1", 1, 2))
    assert kinds(store) == []


def test_stranger_is_unknown_once_and_corrections_name_what_they_correct(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    recogniser = make_recogniser()
    show(recogniser, "t1", BOB, BOB, BOB, *[towards(ANN, 0.99)] * 9, *[BOB] * 30)
    unknown, to_ann, to_unknown = events(store)
    assert unknown.kind == "unknown"
    assert isinstance(to_ann, Corrected)
    assert isinstance(to_unknown, Corrected)
    assert (to_ann.corrects, to_unknown.corrects) == (1, 2)
    assert to_ann.person
    assert to_unknown.person is None


def test_person_who_is_added_or_erased_counts_at_the_next_refresh(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    show(recogniser, "t1", ANN, ANN)
    store.people.enrol("Ann", make_template(ANN))
    recogniser.refresh_gallery()
    store.people.erase("Ann")
    recogniser.refresh_gallery()
    assert kinds(store) == ["unknown", "corrected", "corrected"]
    assert [event.person for event in events(store)] == [None, None, None]


def test_person_erased_before_the_refresh_is_not_named_any_more(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    recogniser = make_recogniser()
    store.people.erase("Ann")
    show(recogniser, "t1", ANN, ANN)
    assert (kinds(store), recogniser.counts["person_erased"]) == ([], 1)
    recogniser.refresh_gallery()
    assert kinds(store) == ["unknown"]


def test_farewell_uses_the_name_of_today(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    recogniser = make_recogniser()
    show(recogniser, "t1", ANN, ANN)
    store.people.rename("Ann", "Anna")
    recogniser.refresh_gallery()
    recogniser.take(TrackEnded("door", "t1", 1, 2))
    assert [event.person.name for event in events(store) if event.person] == ["Ann", "Anna"]


def test_successor_announces_nobody_again(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    show(make_recogniser(), "t1", ANN, ANN)
    successor = make_recogniser()
    show(successor, "t1", ANN, ANN, ANN)
    successor.take(TrackEnded("door", "t1", 1, 2))
    show(make_recogniser(), "t2", ANN)
    assert kinds(store) == ["identified", "left"]


def test_successor_knows_nothing_of_a_person_erased_meanwhile(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    show(make_recogniser(), "t1", ANN, ANN)
    store.people.erase("Ann")
    show(make_recogniser(), "t1", ANN, ANN)
    [identified] = events(store)
    assert identified.person is None


def test_successor_with_another_model_withdraws_the_names(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    show(make_recogniser(), "t1", ANN, ANN)
    make_recogniser(model="b" * 64)
    assert [(event.kind, event.person is None) for event in events(store)] == [
        ("identified", False),
        ("corrected", True),
    ]


def test_full_disk_stops_the_words_until_there_is_room(
    store: Store, make_recogniser: Make, caplog: pytest.LogCaptureFixture
) -> None:
    store.people.enrol("Ann", make_template(ANN))
    recogniser = make_recogniser()
    show(recogniser, "t0", ANN, ANN)
    fill_disk(store)
    with caplog.at_level(logging.WARNING):
        for n in range(1, 40):  # the file's last pages have room for some
            show(recogniser, f"t{n}", ANN, ANN)
        assert len(events(store)) < 40
        recogniser.take(TrackEnded("door", "t0", 1, 2))
        recogniser.take(TrackEnded("door", "t39", 1, 2))
        for state, at in (("stalled", 3), ("streaming", 4)):
            recogniser.take(CameraStateChanged("door", state, "", at))  # type: ignore[arg-type]
        assert set(kinds(store)) == {"identified"}
        assert caplog.text.count("Free space") == 1
        free_disk(store)
        recogniser.do_chores()
    told = [(event.kind, event.track) for event in events(store)]
    assert sorted(told[:-1], key=str) == sorted(
        [("camera", None), ("left", "t0"), *(("identified", f"t{n}") for n in range(40))], key=str
    )
    assert told[-1] == ("left", "t39")
    assert [event.state for event in events(store) if isinstance(event, CameraChanged)] == ["streaming"]
    assert [event.sequence for event in events(store)] == list(range(1, len(told) + 1))
    assert "store_works_again" in caplog.text
    recogniser.do_chores()
    assert len(events(store)) == len(told)


def test_locked_store_is_tried_once_per_round_of_chores(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    with closing(sqlite3.connect(store.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for n in range(20):
            show(recogniser, f"t{n}", ANN, ANN)
        assert recogniser.counts["not_stored"] == 1
        recogniser.do_chores()
        assert recogniser.counts["not_stored"] == 2
    recogniser.do_chores()
    assert kinds(store) == ["unknown"] * 20


def test_farewell_of_a_person_erased_a_moment_ago_names_nobody(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    recogniser = make_recogniser()
    show(recogniser, "t1", ANN, ANN)
    store.people.erase("Ann")
    recogniser.take(TrackEnded("door", "t1", 1, 2))
    recogniser.do_chores()
    recogniser.do_chores()
    assert [(event.kind, event.person) for event in events(store)] == [
        ("identified", None),
        ("corrected", None),
        ("left", None),
    ]


def test_track_that_is_not_in_sight_has_left_with_its_last_look(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    show(recogniser, "t1", ANN, ANN)
    show(recogniser, "t2", ANN, ANN)
    recogniser.take(TracksInSight({"yard": []}))
    recogniser.do_chores()
    assert kinds(store) == ["unknown", "unknown"]
    for _ in range(2):
        recogniser.take(TracksInSight({"door": ["t2"]}))
        recogniser.do_chores()
    *words, left = events(store)
    assert isinstance(left, Left)
    assert (left.track, left.last_seen_at, len(words)) == ("t1", words[0].captured_at, 2)


def test_successor_lets_tracks_leave_that_nobody_follows_any_more(store: Store, make_recogniser: Make) -> None:
    show(make_recogniser(), "t1", ANN, ANN)
    for _ in range(2):
        successor = make_recogniser()
        successor.take(TracksInSight({"door": []}))
        successor.do_chores()
    assert kinds(store) == ["unknown", "left"]


def test_surplus_tracks_leave(store: Store, make_recogniser: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.identity.recogniser.MOST_TRACKS", 2)
    recogniser = make_recogniser()
    for track in ("t1", "t2", "t3"):
        show(recogniser, track, ANN, ANN)
    recogniser.do_chores()
    assert [(event.kind, event.track) for event in events(store)][3:] == [("left", "t1")]


def test_who_takes_over_a_long_track_is_recognised_soon(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    store.people.enrol("Bob", make_template(BOB))
    recogniser = make_recogniser()
    show(recogniser, "t1", *[ANN] * 300, *[BOB] * 8)
    assert [event.person.name for event in events(store) if event.person] == ["Ann", "Bob"]


def test_embedding_of_another_model_is_not_compared(
    store: Store, make_recogniser: Make, caplog: pytest.LogCaptureFixture
) -> None:
    recogniser = make_recogniser()
    for _ in range(3):
        recogniser.take(make_face("t1", ANN, model="b" * 64))
    assert kinds(store) == []
    assert recogniser.counts["foreign_model"] == 3
    assert caplog.text.count("embedding_of_other_model") == 1


def test_camera_state_is_told(store: Store, make_recogniser: Make) -> None:
    make_recogniser().take(CameraStateChanged("door", "auth_failed", "wrong password", 1_000_000_000))
    [event] = events(store)
    assert (event.topic, event.track, event.captured_at) == ("camera.door.camera", None, "1970-01-01T00:00:01.000000Z")
