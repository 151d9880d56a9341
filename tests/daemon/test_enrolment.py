from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from daemon.enrolment import Accepted, Outcome, Refusal, Refused, enrol, find_photos
from daemon.store import Store
from engine import Detections, Faces
from engine.quality import Quality
from tests.daemon.factories import MODEL, make_template, towards, unit


def make_faces(sides: list[float], embedding: NDArray[np.float32], quality: float = 0.9) -> Faces:
    """Faces side by side; all have the same embedding."""
    count = len(sides)
    boxes = np.array([[0, 0, side, side] for side in sides], np.float32).reshape(count, 4)
    landmarks = np.tile(np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32), (count, 1, 1))
    return Faces(
        Detections(boxes, np.full(count, 0.9, np.float32), landmarks),
        np.zeros((count, 112, 112, 3), np.uint8),
        Quality(np.tile(np.array([quality, 1, 1, 1], np.float32), (count, 1))),
        np.tile(embedding, (count, 1)),
    )


@dataclass
class FakeEngine:
    """Knows a photo by the brightness of its first pixel."""

    digest: str = MODEL
    threshold: float = 0.5
    answers: dict[int, Faces] = field(default_factory=dict)

    @property
    def embedder(self) -> "FakeEngine":
        return self

    def analyze(self, image_bgr: NDArray[np.uint8]) -> Faces:
        return self.answers[int(image_bgr[0, 0, 0])]


@dataclass
class Studio:
    """Takes photos that the engine understands."""

    folder: Path
    store: Store
    engine: FakeEngine = field(default_factory=FakeEngine)

    def photo(self, faces: Faces) -> Path:
        number = len(self.engine.answers)
        self.engine.answers[number] = faces
        path = self.folder / f"{number}.png"
        cv2.imwrite(str(path), np.full((8, 8, 3), number, np.uint8))
        return path

    def enrol(self, name: str, *faces: Faces) -> list[Outcome]:
        return enrol(self.store, self.engine, name, [self.photo(f) for f in faces])


@pytest.fixture
def studio(tmp_path: Path, store: Store) -> Studio:
    return Studio(tmp_path, store)


@pytest.mark.parametrize(
    ("faces", "reason"),
    [
        (make_faces([], unit(1)), Refusal.NO_FACE),
        (make_faces([100, 60], unit(1)), Refusal.SEVERAL_FACES),
        (make_faces([39], unit(1)), Refusal.TOO_SMALL),
        (make_faces([100], unit(1), quality=0.2), Refusal.LOW_QUALITY),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_unfit_photo_is_refused_with_its_reason(studio: Studio, faces: Faces, reason: Refusal) -> None:
    [outcome] = studio.enrol("Ann", faces)
    assert isinstance(outcome, Refused)
    assert outcome.reason == reason
    assert studio.store.people.all() == []


def test_photo_that_is_no_picture_is_refused(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("Dear Ann")
    [outcome] = enrol(studio.store, studio.engine, "Ann", [tmp_path / "letter.jpg"])
    assert isinstance(outcome, Refused)
    assert outcome.reason == Refusal.UNREADABLE
    assert str(tmp_path) not in outcome.detail


def test_bystander_in_the_background_does_not_spoil_a_photo(studio: Studio) -> None:
    [outcome] = studio.enrol("Ann", make_faces([50, 100], unit(1)))
    assert isinstance(outcome, Accepted)
    [template] = studio.store.people.templates(studio.store.people.get("Ann").id)
    assert (template.source, template.model_digest) == ("0.png", MODEL)
    assert cv2.imdecode(np.frombuffer(template.crop, np.uint8), cv2.IMREAD_COLOR).shape == (112, 112, 3)


def test_same_picture_twice_is_a_duplicate_unless_the_model_changed(studio: Studio) -> None:
    first, second = studio.enrol("Ann", make_faces([100], unit(1)), make_faces([100], unit(1)))
    assert isinstance(first, Accepted)
    assert isinstance(second, Refused)
    assert second.reason == Refusal.DUPLICATE
    studio.engine.digest = "b" * 64
    assert isinstance(studio.enrol("Ann", make_faces([100], unit(1)))[0], Accepted)


@pytest.mark.parametrize(("cosine", "resembles"), [(0.51, "Bob"), (0.49, None)])
def test_face_of_somebody_else_is_told_at_once(studio: Studio, cosine: float, resembles: str | None) -> None:
    studio.store.people.enrol("Bob", make_template(towards(unit(1), cosine)))
    [outcome] = studio.enrol("Ann", make_faces([100], unit(1)))
    assert isinstance(outcome, Accepted)
    assert outcome.resembles == resembles


@pytest.mark.parametrize(("cosine", "is_odd"), [(0.51, False), (0.49, True)])
def test_photo_unlike_the_persons_others_is_told_at_once(studio: Studio, cosine: float, is_odd: bool) -> None:
    first, second = studio.enrol("Ann", make_faces([100], unit(1)), make_faces([100], towards(unit(1), cosine)))
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert (first.is_odd, second.is_odd) == (False, is_odd)


def test_each_photo_is_told_as_soon_as_it_is_done(studio: Studio) -> None:
    told: list[tuple[str, int]] = []

    def tell(outcome: Outcome) -> None:
        told.append((outcome.photo.name, sum(person.template_count for person in studio.store.people.all())))

    photos = [studio.photo(make_faces([100], unit(seed))) for seed in (1, 2)]
    enrol(studio.store, studio.engine, "Ann", photos, tell)
    assert told == [("0.png", 1), ("1.png", 2)]


def test_folders_are_searched_for_pictures_and_nothing_is_taken_twice(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.JPG", "a.png", "notes.txt", "sub/c.webp"):
        (tmp_path / name).touch()
    found = find_photos([tmp_path, tmp_path / "a.png", tmp_path / "notes.txt"])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a.png", "b.JPG", "sub/c.webp", "notes.txt"]
