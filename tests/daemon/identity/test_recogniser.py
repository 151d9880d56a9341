import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import zmq

from daemon.events import (
    AnyEvent,
    Appeared,
    CameraChanged,
    Corrected,
    GalleryChanged,
    Identified,
    Left,
    NoticeEvent,
    decode_event,
)
from daemon.events.writer import EventWriter
from daemon.identity import DecisionRules
from daemon.identity.recogniser import Recogniser
from daemon.messages import CameraStateChanged, Notice, TrackEnded, TracksInSight
from daemon.store import Store
from tests.daemon.factories import MODEL, make_face, make_template, towards, unit

RULES = DecisionRules(threshold=0.5, margin=0.05, hysteresis=0.05, least_observations=2)
ANN, BOB = unit(1), unit(2)
SECOND_NS = 1_000_000_000

Make = Callable[..., Recogniser]


@pytest.fixture
def make_recogniser(store: Store, tmp_path: Path) -> Iterator[Make]:
    with EventWriter(store, f"ipc://{tmp_path}/stored", zmq.Context.instance()) as writer:
        yield lambda model=MODEL: Recogniser(store, writer, model, RULES)


def events(store: Store, *beside: type[AnyEvent]) -> list[AnyEvent]:
    """What was stored, without the events that most tests are not about."""
    left_out = {Appeared, GalleryChanged} - set(beside)
    told = [decode_event(stored.payload) for stored in store.events.since(0)]
    return [event for event in told if type(event) not in left_out]


def kinds(store: Store) -> list[str]:
    return [event.kind for event in events(store)]


def show(recogniser: Recogniser, track: str, *faces: object) -> None:
    for face in faces:
        recogniser.take([make_face(track, face)])  # type: ignore[arg-type]


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
    recogniser.take([TrackEnded("door", "t1", 1_000_000_000, 2_000_000_000)])
    identified, left = events(store)
    assert isinstance(identified, Identified)
    assert identified.person
    assert identified.person.name == "Ann"
    assert (identified.box, identified.frame_size) == ((10, 20, 50, 70), (640, 480))
    assert isinstance(left, Left)
    assert (left.person, left.first_seen_at) == (identified.person, "1970-01-01T00:00:01.000000Z")


def test_somebody_who_leaves_before_a_decision_appeared_and_left_without_a_name(
    store: Store, make_recogniser: Make
) -> None:
    store.people.enrol("Ann", make_template(ANN))
    recogniser = make_recogniser()
    recogniser.take([make_face("t1", ANN), TrackEnded("door", "t1", 1, 2)])
    appeared, left = events(store, Appeared)
    assert isinstance(appeared, Appeared)
    assert isinstance(left, Left)
    assert (appeared.person, appeared.box, left.person, left.track) == (None, (10, 20, 50, 70), None, "t1")


def test_appearance_comes_once_and_before_the_word(store: Store, make_recogniser: Make) -> None:
    show(make_recogniser(), "t1", ANN)
    show(make_recogniser(), "t1", ANN, ANN, ANN)
    assert [event.kind for event in events(store, Appeared)] == ["face.appeared", "face.unknown"]


def test_round_is_one_transaction(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    before = store.database.path.with_suffix(".sqlite-wal").stat().st_size
    recogniser.take([make_face(f"t{n}", unit(n)) for n in range(64) for _ in range(3)])
    grown = store.database.path.with_suffix(".sqlite-wal").stat().st_size - before
    assert kinds(store) == ["face.unknown"] * 64
    assert grown < 64 * 4096  # a page of the log for each event would tell of a transaction for each


def test_second_word_in_one_round_names_the_first(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    recogniser = make_recogniser()
    recogniser.take([make_face("t1", face) for face in [BOB] * 3 + [ANN] * 9])
    unknown, corrected = events(store)
    assert isinstance(corrected, Corrected)
    assert corrected.corrects == unknown.sequence


def test_stranger_is_unknown_once_and_corrections_name_what_they_correct(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    recogniser = make_recogniser()
    show(recogniser, "t1", BOB, BOB, BOB, *[towards(ANN, 0.99)] * 9, *[BOB] * 30)
    unknown, to_ann, to_unknown = events(store)
    assert unknown.kind == "face.unknown"
    assert isinstance(to_ann, Corrected)
    assert isinstance(to_unknown, Corrected)
    assert (to_ann.corrects, to_unknown.corrects) == (unknown.sequence, to_ann.sequence)
    assert to_ann.person
    assert to_unknown.person is None


def test_person_who_is_added_or_erased_counts_at_the_next_refresh(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    show(recogniser, "t1", ANN, ANN)
    store.people.enrol("Ann", make_template(ANN))
    recogniser.refresh_gallery()
    store.people.erase("Ann")
    recogniser.refresh_gallery()
    assert kinds(store) == ["face.unknown", "face.corrected", "face.corrected"]
    assert [event.person for event in events(store)] == [None, None, None]


def test_person_erased_before_the_refresh_is_not_named_any_more(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    recogniser = make_recogniser()
    store.people.erase("Ann")
    show(recogniser, "t1", ANN, ANN)
    assert (kinds(store), recogniser.counts["person_erased"]) == ([], 1)
    recogniser.refresh_gallery()
    assert kinds(store) == ["face.unknown"]


def test_farewell_uses_the_name_of_today(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    recogniser = make_recogniser()
    show(recogniser, "t1", ANN, ANN)
    store.people.rename("Ann", "Anna")
    recogniser.refresh_gallery()
    recogniser.take([TrackEnded("door", "t1", 1, 2)])
    assert [event.person.name for event in events(store) if event.person] == ["Ann", "Anna"]


def test_successor_announces_nobody_again(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    show(make_recogniser(), "t1", ANN, ANN)
    successor = make_recogniser()
    show(successor, "t1", ANN, ANN, ANN)
    successor.take([TrackEnded("door", "t1", 1, 2)])
    show(make_recogniser(), "t2", ANN)
    assert kinds(store) == ["face.identified", "face.left"]


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
        ("face.identified", False),
        ("face.corrected", True),
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
        recogniser.take([TrackEnded("door", "t0", 1, 2)])
        recogniser.take([TrackEnded("door", "t39", 1, 2)])
        for state, at in (("stalled", 3), ("streaming", 4)):
            recogniser.take([CameraStateChanged("door", state, "", at)])  # type: ignore[arg-type]
        for detail in ("pause", "resume"):
            recogniser.take([Notice("daemon.control", "door", detail, "local:0", 5)])
        assert set(kinds(store)) == {"face.identified"}
        assert caplog.text.count("Free space") == 1
        free_disk(store)
        recogniser.do_chores()
    told = events(store)
    words = sorted(event.track for event in told if isinstance(event, Identified))
    assert words == sorted(f"t{n}" for n in range(40))
    assert [event.track for event in told if isinstance(event, Left)] == ["t0", "t39"]
    assert [event.state for event in told if isinstance(event, CameraChanged)] == ["streaming"]
    assert [event.detail for event in told if isinstance(event, NoticeEvent)] == ["pause", "resume"]
    assert "store_works_again" in caplog.text
    recogniser.do_chores()
    assert events(store) == told
    assert [event.sequence for event in store.events.since(0)] == list(range(1, len(store.events.since(0)) + 1))


def test_locked_store_is_tried_once_per_round_of_chores(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    with closing(sqlite3.connect(store.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for n in range(20):
            show(recogniser, f"t{n}", ANN, ANN)
        assert recogniser.counts["store_failures"] == 1
        started = time.monotonic()
        recogniser.do_chores()
        assert time.monotonic() - started < 0.5  # the busy timeout is 0.2 s
    recogniser.do_chores()
    assert kinds(store) == ["face.unknown"] * 20


def test_farewell_of_a_person_erased_a_moment_ago_names_nobody(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    recogniser = make_recogniser()
    show(recogniser, "t1", ANN, ANN)
    store.people.erase("Ann")
    recogniser.take([TrackEnded("door", "t1", 1, 2)])
    recogniser.do_chores()
    recogniser.do_chores()
    assert [(event.kind, event.person) for event in events(store)] == [
        ("face.identified", None),
        ("face.corrected", None),
        ("face.left", None),
    ]


def test_track_that_is_not_in_sight_has_left_with_its_last_look(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    show(recogniser, "t1", ANN, ANN)
    show(recogniser, "t2", ANN, ANN)
    recogniser.take([TracksInSight({"yard": []})])
    recogniser.do_chores()
    assert kinds(store) == ["face.unknown", "face.unknown"]
    for _ in range(2):
        recogniser.take([TracksInSight({"door": ["t2"]})])
        recogniser.do_chores()
    *words, left = events(store)
    assert isinstance(left, Left)
    assert (left.track, left.last_seen_at, len(words)) == ("t1", words[0].captured_at, 2)


def test_successor_lets_tracks_leave_that_nobody_follows_any_more(store: Store, make_recogniser: Make) -> None:
    show(make_recogniser(), "t1", ANN, ANN)
    for _ in range(2):
        successor = make_recogniser()
        successor.take([TracksInSight({"door": []})])
        successor.do_chores()
    assert kinds(store) == ["face.unknown", "face.left"]


def test_surplus_tracks_leave(store: Store, make_recogniser: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.identity.recogniser.MOST_TRACKS", 2)
    recogniser = make_recogniser()
    for track in ("t1", "t2", "t3"):
        show(recogniser, track, ANN, ANN)
    recogniser.do_chores()
    assert [(event.kind, event.track) for event in events(store)][3:] == [("face.left", "t1")]


def test_who_takes_over_a_long_track_is_recognised_soon(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    store.people.enrol("Bob", make_template(BOB))
    recogniser = make_recogniser()
    seconds = range(1, 200)
    faces = [make_face("t1", ANN if second < 190 else BOB) for second in seconds]
    recogniser.take(
        msgspec.structs.replace(face, captured_ns=second * SECOND_NS)
        for second, face in zip(seconds, faces, strict=True)
    )
    assert [event.person.name for event in events(store) if event.person] == ["Ann", "Bob"]


def test_embedding_of_another_model_is_not_compared(
    store: Store, make_recogniser: Make, caplog: pytest.LogCaptureFixture
) -> None:
    recogniser = make_recogniser()
    for _ in range(3):
        recogniser.take([make_face("t1", ANN, model="b" * 64)])
    assert kinds(store) == []
    assert recogniser.counts["foreign_model"] == 3
    assert caplog.text.count("embedding_of_other_model") == 1


def test_camera_state_is_told(store: Store, make_recogniser: Make) -> None:
    make_recogniser().take([CameraStateChanged("door", "auth_failed", "wrong password", 1_000_000_000)])
    [event] = events(store)
    assert (event.topic, event.captured_at) == ("camera.state.door", "1970-01-01T00:00:01.000000Z")


def test_notice_becomes_the_event_of_its_kind(store: Store, make_recogniser: Make) -> None:
    make_recogniser().take([Notice("daemon.worker", "vision", "was killed", "daemon", 1_000_000_000)])
    [event] = events(store)
    assert isinstance(event, NoticeEvent)
    assert (event.topic, event.subject, event.detail, event.actor) == (
        "daemon.worker",
        "vision",
        "was killed",
        "daemon",
    )


def test_change_of_the_gallery_is_told_without_names(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    ann = store.people.enrol("Ann", make_template(ANN))
    bob = store.people.enrol("Bob", make_template(BOB))
    recogniser.refresh_gallery()
    store.people.rename("Ann", "Anna")
    store.people.erase("Bob")
    recogniser.refresh_gallery()
    store.people.enrol("Anna", make_template(unit(3)))
    recogniser.refresh_gallery()
    told = [event for event in events(store, GalleryChanged) if isinstance(event, GalleryChanged)]
    assert [(e.added, e.changed, e.removed) for e in told] == [
        ([ann.id, bob.id], [], []),
        ([], [ann.id], [bob.id]),
        ([], [ann.id], []),
    ]
    assert [event.revision for event in told] == [2, 4, 5]
    assert "Ann" not in repr(told)


def test_change_of_the_gallery_that_was_not_stored_is_told_later(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    store.people.enrol("Ann", make_template(ANN))
    with closing(sqlite3.connect(store.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        recogniser.do_chores()
    store.people.enrol("Bob", make_template(BOB))
    recogniser.do_chores()
    [event] = events(store, GalleryChanged)
    assert isinstance(event, GalleryChanged)
    assert len(event.added) == 2
