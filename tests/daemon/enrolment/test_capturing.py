"""The frames are of a real clip; whom they show is up to the test."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from config import CameraSettings
from daemon.enrolment import Accepted
from daemon.enrolment.candidates import Candidate
from daemon.enrolment.capturing import SittingError, enrol_looks, sit
from daemon.enrolment.sitting import Hint
from daemon.store import Consent, Store
from daemon.store.people import ConsentEndedError
from daemon.streams.faults import SourceError
from engine import FoundFaces
from engine.images import YuvImage
from tests.daemon.enrolment.studio import FakeEngine, Scene, found_faces
from tests.daemon.factories import towards, unit


class Watcher:
    """Sees one face in each frame."""

    def __init__(self, *sides: float) -> None:
        self.sides = sides
        self.sizes: set[tuple[int, int]] = set()

    def find_in_frame(self, frame: YuvImage) -> FoundFaces:
        self.sizes.add((frame.width, frame.height))
        return found_faces(Scene(self.sides, unit(1)), 128)


def camera_of(clip: Path) -> CameraSettings:
    return CameraSettings(url=str(clip))  # type: ignore[arg-type]


def test_looks_are_taken_from_a_camera_until_its_end(make_clip: Callable[..., Path]) -> None:
    watcher, told = Watcher(100), list[tuple[Hint, int]]()
    looks = sit(watcher, "lobby", camera_of(make_clip()), 20, lambda hint, count: told.append((hint, count)))
    assert 2 <= len(looks) <= 3  # two seconds
    assert watcher.sizes == {(320, 240)}
    assert told[0] == (Hint.GOOD, 1)
    assert all(look.source == "camera lobby" for look in looks)


def test_a_sitting_ends_when_its_time_is_over(make_clip: Callable[..., Path]) -> None:
    with pytest.raises(SittingError, match=r"camera lobby: no look was good enough in 0.5 s.*come closer"):
        sit(Watcher(30), "lobby", camera_of(make_clip(seconds=20)), 0.5, lambda hint, count: None)


def test_a_camera_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such file"):
        sit(Watcher(100), "lobby", camera_of(tmp_path / "absent.mp4"), 5, lambda hint, count: None)


def looks_of(engine: FakeEngine, *embeddings: np.ndarray) -> list[Candidate]:
    engine.scenes = {number: Scene((100,), embedding) for number, embedding in enumerate(embeddings)}
    return [
        Candidate(np.full((112, 112, 3), number, np.uint8), 0.9, "camera lobby", None)
        for number in range(len(embeddings))
    ]


ANN = [towards(unit(1), 0.9, seed) for seed in range(50, 55)]


def test_looks_become_templates(store: Store) -> None:
    engine = FakeEngine()
    outcomes = enrol_looks(store, engine, "Ann", looks_of(engine, *ANN))
    assert all(isinstance(outcome, Accepted) and not outcome.is_odd for outcome in outcomes)
    templates = store.people.templates(store.people.get("Ann").id)
    assert [template.source for template in templates] == ["camera lobby"] * 5


def test_somebody_who_passed_by_once_is_left_out(store: Store) -> None:
    engine = FakeEngine()
    enrol_looks(store, engine, "Ann", looks_of(engine, *ANN[:2], unit(2), *ANN[2:]))
    assert store.people.get("Ann").template_count == 5


@pytest.mark.parametrize("looks", [[unit(1), unit(2)], [*ANN[:2], *[towards(unit(2), 0.9, s) for s in (60, 61)]]])
def test_looks_of_two_people_are_refused(store: Store, looks: list[np.ndarray]) -> None:
    engine = FakeEngine()
    with pytest.raises(SittingError, match="more than one person"):
        enrol_looks(store, engine, "Ann", looks_of(engine, *looks))
    assert store.people.all() == []


def test_one_look_is_enough(store: Store) -> None:
    engine = FakeEngine()
    enrol_looks(store, engine, "Ann", looks_of(engine, unit(1)))
    assert store.people.get("Ann").template_count == 1


def test_nobody_is_enrolled_under_a_consent_that_has_ended(store: Store) -> None:
    engine = FakeEngine()
    enrol_looks(store, engine, "Ann", looks_of(engine, *ANN[:2]))
    store.people.set_consent("Ann", Consent("signed form", datetime(2026, 3, 1, tzinfo=UTC)))
    with pytest.raises(ConsentEndedError, match=r'deconvid people consent "Ann"'):
        enrol_looks(store, engine, "Ann", looks_of(engine, *ANN[2:]))
    assert store.people.get("Ann").template_count == 2
