"""Who may yet be recognised is not called unknown; who leaves meanwhile is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from daemon.events import decode_event
from daemon.events.writer import EventWriter
from daemon.identity import DecisionRules
from daemon.identity.recogniser import Recogniser
from daemon.messages import TrackEnded, TracksInSight
from daemon.store import Store
from tests.daemon.factories import MODEL, make_face, make_template, towards, unit

RULES = DecisionRules(threshold=0.5, margin=0.05, hysteresis=0.05, least_observations=2, nearness=0.1, patience=4)
ANN = unit(1)
NEAR, FAR = make_face("t1", towards(ANN, 0.45)), make_face("t1", towards(ANN, 0.2))


@pytest.fixture
def recogniser(store: Store, tmp_path: Path) -> Iterator[Recogniser]:
    store.people.enrol("Ann", make_template(ANN))
    with EventWriter(store, f"ipc://{tmp_path}/stored", zmq.Context.instance()) as writer:
        yield Recogniser(store, writer, MODEL, RULES)


def kinds(store: Store) -> list[str]:
    return [decode_event(stored.payload).kind for stored in store.events.since(0)]


def test_who_comes_nearer_is_identified_without_a_correction(store: Store, recogniser: Recogniser) -> None:
    recogniser.take([NEAR, NEAR, NEAR])
    assert kinds(store) == ["face.appeared"]
    recogniser.take([make_face("t1", ANN)] * 3)
    assert kinds(store) == ["face.appeared", "face.identified"]


def test_patience_ends(store: Store, recogniser: Recogniser) -> None:
    recogniser.take([NEAR] * 4)
    assert kinds(store) == ["face.appeared", "face.unknown"]


def test_who_is_not_near_is_unknown_at_once(store: Store, recogniser: Recogniser) -> None:
    recogniser.take([FAR, FAR])
    assert kinds(store) == ["face.appeared", "face.unknown"]


def test_who_leaves_meanwhile_is_unknown_first(store: Store, recogniser: Recogniser) -> None:
    recogniser.take([NEAR, NEAR, TrackEnded("door", "t1", 1, 2)])
    assert kinds(store) == ["face.appeared", "face.unknown", "face.left"]


def test_so_is_who_is_not_in_sight_any_more(store: Store, recogniser: Recogniser) -> None:
    recogniser.take([NEAR, NEAR])
    recogniser.take([TracksInSight({"door": []})])
    recogniser.do_chores()
    assert kinds(store) == ["face.appeared", "face.unknown", "face.left"]
