from pathlib import Path

import cv2
import numpy as np
import pytest

from daemon.enrolment import Accepted, Entry, Outcome, Refusal, Refused, enrol, enrol_photos
from daemon.store import Consent
from tests.daemon.enrolment.studio import Scene, Studio
from tests.daemon.factories import MODEL, make_template, towards, unit


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        (Scene((), unit(1)), Refusal.NO_FACE),
        (Scene((100, 60), unit(1)), Refusal.SEVERAL_FACES),
        (Scene((39,), unit(1)), Refusal.TOO_SMALL),
        (Scene((100,), unit(1), quality=0.2), Refusal.LOW_QUALITY),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_unfit_photo_is_refused_with_its_reason(studio: Studio, scene: Scene, reason: Refusal) -> None:
    [outcome] = studio.enrol("Ann", scene)
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
    [outcome] = studio.enrol("Ann", Scene((50, 100), unit(1)))
    assert isinstance(outcome, Accepted)
    [template] = studio.store.people.templates(studio.store.people.get("Ann").id)
    assert (template.source, template.model_digest) == ("0.png", MODEL)
    assert cv2.imdecode(np.frombuffer(template.crop, np.uint8), cv2.IMREAD_COLOR).shape == (112, 112, 3)


def test_same_picture_twice_is_a_duplicate_unless_the_model_changed(studio: Studio) -> None:
    first, second = studio.enrol("Ann", Scene((100,), unit(1)), Scene((100,), unit(1)))
    assert isinstance(first, Accepted)
    assert isinstance(second, Refused)
    assert second.reason == Refusal.DUPLICATE
    studio.engine.digest = "b" * 64
    assert isinstance(studio.enrol("Ann", Scene((100,), unit(1)))[0], Accepted)


@pytest.mark.parametrize(("cosine", "resembles"), [(0.51, "Bob"), (0.49, None)])
def test_face_of_somebody_else_is_told_at_once(studio: Studio, cosine: float, resembles: str | None) -> None:
    studio.store.people.enrol("Bob", make_template(towards(unit(1), cosine)))
    [outcome] = studio.enrol("Ann", Scene((100,), unit(1)))
    assert isinstance(outcome, Accepted)
    assert outcome.resembles == resembles


@pytest.mark.parametrize(("cosine", "is_odd"), [(0.51, False), (0.49, True)])
def test_photo_unlike_the_persons_others_is_told_at_once(studio: Studio, cosine: float, is_odd: bool) -> None:
    first, second = studio.enrol("Ann", Scene((100,), unit(1)), Scene((100,), towards(unit(1), cosine)))
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert (first.is_odd, second.is_odd) == (False, is_odd)


def test_each_photo_is_told_as_soon_as_it_is_done(studio: Studio) -> None:
    told: list[tuple[str, int]] = []

    def tell(outcome: Outcome) -> None:
        told.append((outcome.photo.name, sum(person.template_count for person in studio.store.people.all())))

    photos = [studio.photo(Scene((100,), unit(seed))) for seed in (1, 2)]
    enrol(studio.store, studio.engine, "Ann", photos, tell)
    assert told == [("0.png", 1), ("1.png", 2)]
