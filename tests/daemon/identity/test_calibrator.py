"""The threshold follows the gallery, and is noted in the store."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import zmq

from daemon.events.writer import EventWriter
from daemon.identity import DecisionRules
from daemon.identity.calibration import threshold
from daemon.identity.calibrator import Calibrator
from daemon.identity.gallery import Gallery
from daemon.identity.recogniser import Recogniser
from daemon.store import Enrolment, Store
from daemon.store.calibrations import StoredCalibration
from engine.impostors import ImpostorTail, ImpostorTails, LookTails
from tests.daemon.factories import MODEL, make_face, make_template, towards, unit

TAIL = ImpostorTail(above=0.42, share=0.02, scale=0.06, shape=-0.14)
TAILS = ImpostorTails(track=TAIL, photos=TAIL, tracks=TAIL)
RULES = DecisionRules(threshold=0.99, margin=0.05, hysteresis=0.05, least_observations=1)


@pytest.fixture
def calibrator(store: Store) -> Calibrator:
    return Calibrator(store, TAILS, fpir=0.01)


@pytest.fixture
def recogniser(store: Store, tmp_path: Path, calibrator: Calibrator) -> Iterator[Recogniser]:
    with EventWriter(store, f"ipc://{tmp_path}/stored", zmq.Context.instance()) as writer:
        yield Recogniser(store, writer, MODEL, RULES, calibrator=calibrator)


def noted(store: Store) -> StoredCalibration:
    found = store.calibrations.get(MODEL)
    assert found
    return found


def test_threshold_is_noted_with_what_it_rests_on_and_anew_when_people_change(
    store: Store, recogniser: Recogniser
) -> None:
    assert (noted(store).gallery_revision, noted(store).threshold) == (0, threshold(0.01, 1, TAIL))
    for seed in range(1, 9):
        store.people.enrol(f"Person {seed}", make_template(unit(seed)))
    recogniser.refresh_gallery()
    assert (noted(store).gallery_revision, noted(store).fpir) == (8, 0.01)
    assert noted(store).threshold == pytest.approx(threshold(0.01, 8, TAIL), abs=0.01)
    assert '"strangers_are":"alike","photos":8' in noted(store).parameters


def test_growing_gallery_withdraws_a_name_that_is_not_sure_any_more(store: Store, recogniser: Recogniser) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    recogniser.refresh_gallery()
    score = threshold(0.01, 1, TAIL) + 0.01
    recogniser.take([make_face("t1", towards(unit(1), score))])
    store.people.enrol_all(Enrolment(f"Person {seed}", make_template(unit(seed))) for seed in range(100, 400))
    recogniser.refresh_gallery()
    kinds = [event.kind for event in store.events.since(0) if event.kind.startswith("face.")]
    assert kinds == ["face.appeared", "face.identified", "face.corrected"]


def test_locked_store_is_no_reason_to_decide_by_an_old_threshold(
    store: Store, calibrator: Calibrator, caplog: pytest.LogCaptureFixture
) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    gallery = Gallery.load(store, MODEL)
    with closing(sqlite3.connect(store.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with caplog.at_level(logging.WARNING):
            found = calibrator.calibrate(gallery)
    assert found.threshold == threshold(0.01, 1, TAIL)
    assert "calibration_not_noted" in caplog.text
    assert store.calibrations.get(MODEL) is None


def test_the_threshold_of_people_at_large_is_noted_as_theirs(store: Store) -> None:
    at_large = TAIL.model_copy(update={"above": 0.34})
    tails = TAILS.model_copy(update={"anybody": LookTails(track=at_large, photos=at_large)})
    found = Calibrator(store, tails, 0.01, "anybody").calibrate(Gallery.load(store, MODEL))
    assert found.threshold == noted(store).threshold == threshold(0.01, 1, at_large)
    assert '"strangers_are":"anybody"' in noted(store).parameters
