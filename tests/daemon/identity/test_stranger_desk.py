"""Unknown tracks get numbers, through the whole recogniser and the store."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zmq

from config import RetentionSettings, StrangerSettings
from daemon.events import Corrected, FaceEvent, Left, StrangerMerged, StrangerNamed, Unknown, decode_event
from daemon.events.writer import EventWriter, told_with
from daemon.identity import DecisionRules
from daemon.identity.class_retention import ClassRetention
from daemon.identity.recogniser import Recogniser
from daemon.identity.sightings import StrangerRules
from daemon.identity.stranger_desk import ENTERED_AFTER, StrangerDesk
from daemon.identity.stranger_orders import StrangerOrders
from daemon.messages import FaceObserved, TrackEnded
from daemon.store import Store
from daemon.store.pictures import SNAPSHOTS_FOLDER
from tests.daemon.factories import MODEL, make_face, make_template, towards, unit

RULES = DecisionRules(threshold=0.5, margin=0.05, hysteresis=0.05, least_observations=2)
CROP = b"\xff\xd8\xff crop"
ANN, BOB = unit(1), unit(2)

Make = Callable[..., Recogniser]


@pytest.fixture
def make_recogniser(store: Store, tmp_path: Path) -> Iterator[Make]:
    with EventWriter(store, f"ipc://{tmp_path}/stored", zmq.Context.instance()) as writer:

        def make(most: int = 2000, **settings: object) -> Recogniser:
            chosen = StrangerSettings.model_validate(settings)
            counts, rules = Counter[str](), StrangerRules(0.5, 0.05, most_strangers=most)
            desk = StrangerDesk(store, MODEL, chosen, lambda likenesses: rules, counts)
            return Recogniser(store, writer, MODEL, RULES, strangers=desk)

        yield make


@pytest.fixture
def orders(store: Store) -> StrangerOrders:
    return StrangerOrders(store, MODEL, most_likenesses=8)


def face(track: str, embedding: np.ndarray, camera: str = "door", **changes: object) -> FaceObserved:
    return msgspec.structs.replace(make_face(track, embedding, camera), **{"crop": CROP, **changes})


def walk_by(recogniser: Recogniser, track: str, embedding: np.ndarray, camera: str = "door", looks: int = 3) -> None:
    recogniser.take([face(track, embedding, camera) for _ in range(looks)])
    recogniser.take([TrackEnded(camera, track, time.time_ns(), time.time_ns())])


def numbers(store: Store, *kinds: type[FaceEvent]) -> list[str | None]:
    told = [decode_event(stored.payload) for stored in store.events.since(0)]
    return [event.stranger for event in told if isinstance(event, kinds)]


def test_unknown_face_gets_a_number_and_is_recognised_by_another_camera(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    walk_by(recogniser, "t1", ANN)
    walk_by(recogniser, "t2", BOB)
    walk_by(recogniser, "t3", towards(ANN, 0.8), "yard")
    assert numbers(store, Left) == ["unknown-1", "unknown-2", "unknown-1"]
    assert numbers(store, Unknown) == [None, None, "unknown-1"]
    entry = store.strangers.entry(1)
    assert (entry.sightings, entry.cameras) == (2, ("door", "yard"))
    assert store.strangers.crops(1)[0].jpeg == CROP


def test_two_who_look_alike_in_one_picture_get_two_numbers(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    recogniser.take([face(track, ANN) for _ in range(3) for track in ("t1", "t2")])
    start, end = time.time_ns() - 1_000_000_000, time.time_ns()
    for track in ("t1", "t2"):
        recogniser.take([TrackEnded("door", track, start, end)])
    assert numbers(store, Left) == ["unknown-1", "unknown-2"]
    assert store.strangers.snapshot(MODEL).apart == {(1, 2)}


def test_number_survives_a_restart(store: Store, make_recogniser: Make) -> None:
    walk_by(make_recogniser(), "t1", ANN)
    walk_by(make_recogniser(), "t2", ANN)
    assert numbers(store, Left) == ["unknown-1", "unknown-1"]


@pytest.mark.parametrize("settings", [{"least_looks": 4}, {"least_quality": 0.9}])
def test_poor_track_gets_no_number(store: Store, make_recogniser: Make, settings: dict[str, object]) -> None:
    walk_by(make_recogniser(**settings), "t1", ANN)
    assert numbers(store, Left) == [None]
    assert store.strangers.entries() == []


def test_known_people_are_no_strangers(store: Store, make_recogniser: Make) -> None:
    store.people.enrol("Ann", make_template(ANN))
    walk_by(make_recogniser(), "t1", ANN)
    assert store.strangers.entries() == []


def test_who_stays_long_is_recognised_elsewhere_meanwhile_and_counts_once(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    recogniser.take([face("t1", ANN) for _ in range(ENTERED_AFTER)])
    walk_by(recogniser, "t2", ANN, "yard")
    recogniser.take([face("t1", ANN)])
    recogniser.take([TrackEnded("door", "t1", time.time_ns(), time.time_ns())])
    entry = store.strangers.entry(1)
    assert entry.sightings == 2
    assert numbers(store, Left) == ["unknown-1", "unknown-1"]


def come_to_be_ann(store: Store, recogniser: Recogniser, track: str) -> None:
    recogniser.take([face(track, ANN) for _ in range(ENTERED_AFTER)])
    assert store.strangers.crops(1)
    store.people.enrol("Ann", make_template(ANN))
    recogniser.do_chores()


def test_who_turns_out_to_be_a_person_leaves_no_face_with_a_stranger(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    come_to_be_ann(store, recogniser, "t1")
    assert store.strangers.crops(1) == []
    ClassRetention(store, RetentionSettings(unknown_days=None)).forget_some()
    store.people.erase("Ann")
    assert store.strangers.entries() == []
    assert not {subject for subject in store.vault.ring.held() if subject.startswith("stranger:")}
    assert "strangers.withdraw" in {entry.action for entry in store.audit.entries(9)}


def test_other_sightings_of_that_stranger_stay(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    walk_by(recogniser, "t1", towards(ANN, 0.9), "yard")
    come_to_be_ann(store, recogniser, "t2")
    entry = store.strangers.entry(1)
    assert (entry.sightings, entry.likenesses, entry.cameras) == (1, 1, ("yard",))
    recogniser.take([face("t2", ANN), TrackEnded("door", "t2", time.time_ns(), time.time_ns())])
    assert store.strangers.entry(1).sightings == 1


def test_who_is_unknown_again_has_a_number_again(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    come_to_be_ann(store, recogniser, "t1")
    store.people.erase("Ann")
    recogniser.do_chores()
    recogniser.take([TrackEnded("door", "t1", time.time_ns(), time.time_ns())])
    assert numbers(store, Left) == ["unknown-2"]


def test_withdrawing_takes_no_other_tracks_likeness(
    store: Store, make_recogniser: Make, orders: StrangerOrders
) -> None:
    recogniser = make_recogniser()
    recogniser.take([face("t1", ANN) for _ in range(ENTERED_AFTER)])
    orders.forget([1])
    recogniser.do_chores()
    walk_by(recogniser, "t2", BOB)
    store.people.enrol("Ann", make_template(ANN))
    recogniser.do_chores()
    assert len(store.strangers.crops(2)) == 1


def test_naming_enrols_relabels_and_corrects_who_is_in_sight(
    store: Store, make_recogniser: Make, orders: StrangerOrders
) -> None:
    recogniser = make_recogniser()
    walk_by(recogniser, "t1", ANN)
    recogniser.take([face("t2", ANN), face("t2", ANN)])
    orders.name(1, "Ann")
    recogniser.do_chores()
    told = [decode_event(stored.payload) for stored in store.events.since(0)]
    [named] = [event for event in told if isinstance(event, StrangerNamed)]
    [corrected] = [event for event in told if isinstance(event, Corrected)]
    assert named.person
    assert (named.stranger, named.person.name, named.sightings) == ("unknown-1", "Ann", 1)
    assert corrected.person == named.person
    assert corrected.stranger is None


def test_ignored_stranger_is_quiet_and_never_named(store: Store, make_recogniser: Make, orders: StrangerOrders) -> None:
    recogniser = make_recogniser()
    walk_by(recogniser, "t1", ANN)
    orders.ignore(1)
    store.people.enrol("Ann's twin", make_template(towards(ANN, 0.9)))
    recogniser.do_chores()
    walk_by(recogniser, "t2", ANN)
    kinds = [stored.kind for stored in store.events.since(0) if stored.track == "t2"]
    assert kinds == ["face.appeared", "face.left"]
    assert numbers(store, Left)[-1] == "unknown-1"
    assert store.strangers.entry(1).sightings == 2


def test_person_who_resembles_more_than_the_ignored_one_is_named(
    store: Store, make_recogniser: Make, orders: StrangerOrders
) -> None:
    recogniser = make_recogniser()
    walk_by(recogniser, "t1", towards(ANN, 0.7))
    orders.ignore(1)
    store.people.enrol("Ann", make_template(ANN))
    recogniser.do_chores()
    walk_by(recogniser, "t2", ANN)
    assert [stored.kind for stored in store.events.since(0) if stored.track == "t2"][1] == "face.identified"


def test_merging_and_forgetting_reach_the_running_worker(
    store: Store, make_recogniser: Make, orders: StrangerOrders
) -> None:
    recogniser = make_recogniser()
    walk_by(recogniser, "t1", ANN)
    walk_by(recogniser, "t2", BOB)
    orders.merge([2], 1)
    walk_by(recogniser, "t3", BOB)
    assert numbers(store, Left)[-1] == "unknown-1", "also before the worker's chores"
    told = [decode_event(stored.payload) for stored in store.events.since(0)]
    assert [(e.stranger, e.into) for e in told if isinstance(e, StrangerMerged)] == [("unknown-2", "unknown-1")]
    orders.forget([1])
    recogniser.do_chores()
    walk_by(recogniser, "t4", BOB)
    assert numbers(store, Left) == [None, None, None, "unknown-3"]


@pytest.mark.parametrize("notices", [True, False])
def test_number_that_was_forgotten_does_not_come_back_with_who_is_in_sight(
    store: Store, make_recogniser: Make, orders: StrangerOrders, notices: bool
) -> None:
    recogniser = make_recogniser()
    recogniser.take([face("t1", ANN) for _ in range(ENTERED_AFTER)])
    orders.forget([1])
    if notices:
        recogniser.do_chores()
        recogniser.take([face("t1", ANN)])
    recogniser.take([TrackEnded("door", "t1", time.time_ns(), time.time_ns())])
    assert numbers(store, Left) == [None]


def test_forgotten_number_does_not_come_back_after_a_restart(
    store: Store, make_recogniser: Make, orders: StrangerOrders
) -> None:
    recogniser = make_recogniser()
    walk_by(recogniser, "t1", ANN)
    recogniser.take([face("t2", ANN) for _ in range(3)])
    restarted = make_recogniser()
    orders.forget([1])
    restarted.take([TrackEnded("door", "t2", time.time_ns(), time.time_ns())])
    assert numbers(store, Left)[-1] is None


def test_merged_number_is_still_told(store: Store, make_recogniser: Make, orders: StrangerOrders) -> None:
    recogniser = make_recogniser()
    walk_by(recogniser, "t1", BOB)
    recogniser.take([face("t2", ANN) for _ in range(ENTERED_AFTER)])
    orders.merge([2], 1)
    recogniser.take([TrackEnded("door", "t2", time.time_ns(), time.time_ns())])
    assert numbers(store, Left)[-1] == "unknown-2"


def test_worker_goes_on_without_numbers_while_they_cannot_be_sealed(store: Store, make_recogniser: Make) -> None:
    recogniser = make_recogniser()
    ring = store.vault.ring.path
    ring.rename(ring.with_suffix(".away"))
    walk_by(recogniser, "t1", ANN)
    ring.with_suffix(".away").rename(ring)
    recogniser.do_chores()
    walk_by(recogniser, "t2", ANN)
    assert numbers(store, Left) == [None, "unknown-1"]


def test_whoever_is_one_too_many_is_forgotten_with_number_and_pictures(
    store: Store, make_recogniser: Make, tmp_path: Path
) -> None:
    picture = tmp_path / SNAPSHOTS_FOLDER / "ann.jpg"
    picture.parent.mkdir()
    picture.touch()
    recogniser = make_recogniser(most=1)
    walk_by(recogniser, "t1", ANN)
    shown = Unknown(
        camera="door", track="t1", captured_at="2026-03-01T12:00:00Z", stranger="unknown-1", snapshot="ann.jpg"
    )
    store.events.append_many([told_with(shown, store.epoch)])
    walk_by(recogniser, "t2", BOB)
    assert store.strangers.crops(1) == []
    assert store.strangers.without_likeness() == [1]
    ClassRetention(store, RetentionSettings(unknown_days=None)).forget_some()
    assert [entry.id for entry in store.strangers.entries()] == [2]
    assert "stranger:1" not in store.vault.ring.held()
    assert not picture.exists()
    assert numbers(store, Left, Unknown) == [None, None, None, None, "unknown-2"]
    record = [(entry.action, entry.subject) for entry in store.audit.entries(9)]
    assert sorted(record) == [("strangers.evict", "stranger:1"), ("strangers.expire", "stranger:1")]
