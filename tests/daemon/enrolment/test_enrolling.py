import os
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from daemon.enrolment import Accepted, Entry, Outcome, Refusal, Refused, enrol, enrol_photos
from daemon.enrolment.candidates import look_at
from daemon.enrolment.enrolling import enrol_candidates
from daemon.enrolment.kinship import Kinship
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


def test_photo_whose_name_is_no_text_is_taken(studio: Studio) -> None:
    photo = studio.photo(Scene((100,), unit(1)))
    odd = photo.rename(photo.with_name(os.fsdecode(b"J\xf6rg.png")))
    [outcome] = enrol(studio.store, studio.engine, "Ann", [odd])
    assert isinstance(outcome, Accepted)
    [template] = studio.store.people.templates(studio.store.people.get("Ann").id)
    assert template.source == "J?rg.png"


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


def test_photo_that_another_process_enrols_meanwhile_is_known_already(studio: Studio) -> None:
    entries = [Entry("ann", studio.photo(Scene((100,), unit(seed)))) for seed in (1, 2)]
    kinship = Kinship(studio.store.people.gallery(MODEL))
    looks = [look_at(studio.engine, entry.name, entry.photo, frozenset()) for entry in entries]
    enrol(studio.store, studio.engine, "Ann", [entries[0].photo])
    first, second = enrol_candidates(studio.store, studio.engine, kinship, entries, looks)
    assert isinstance(first, Refused)
    assert first.reason is Refusal.KNOWN
    assert isinstance(second, Accepted)
    assert studio.store.people.get("Ann").template_count == 2


def test_gallery_is_as_it_was_if_every_photo_is_known_already(studio: Studio) -> None:
    entry = Entry("Ann", studio.photo(Scene((100,), unit(1))), Consent("signed form", None))
    kinship = Kinship(studio.store.people.gallery(MODEL))
    looks = [look_at(studio.engine, entry.name, entry.photo, frozenset())]
    enrol(studio.store, studio.engine, "Ann", [entry.photo])
    before = studio.store.people.get("Ann"), studio.store.people.revision()
    enrol_candidates(studio.store, studio.engine, kinship, [entry], looks)
    assert (studio.store.people.get("Ann"), studio.store.people.revision()) == before


@pytest.fixture
def roster(studio: Studio) -> list[Entry]:
    """Two people with two photos each, and one with none that can be taken."""
    consent = Consent("signed form", datetime(2099, 1, 1, tzinfo=UTC))
    return [
        *(Entry("Ann", studio.photo(Scene((100,), unit(seed))), consent) for seed in (1, 2)),
        *(Entry("Bob", studio.photo(Scene((100,), unit(seed)))) for seed in (3, 4)),
        Entry("Cid", studio.photo(Scene((), unit(5)))),
    ]


def test_many_peoples_photos_are_embedded_together(studio: Studio, roster: list[Entry]) -> None:
    outcomes = list(enrol_photos(studio.store, studio.engine, roster))
    assert [(outcome.name, isinstance(outcome, Accepted)) for outcome in outcomes] == [
        *[("Ann", True)] * 2,
        *[("Bob", True)] * 2,
        ("Cid", False),
    ]
    assert studio.engine.batches == [4]
    ann, bob = studio.store.people.all()
    assert (ann.template_count, ann.consent_basis, bob.template_count, bob.consent_basis) == (2, "signed form", 2, None)


def test_an_import_that_was_interrupted_goes_on_where_it_was(studio: Studio, roster: list[Entry]) -> None:
    interrupted = enrol_photos(studio.store, studio.engine, roster, batch=2)
    next(interrupted)
    interrupted.close()
    assert studio.store.people.get("Ann").template_count == 2
    looked_at = len(studio.engine.found)
    outcomes = list(enrol_photos(studio.store, studio.engine, roster, batch=2))
    assert [outcome.reason for outcome in outcomes if isinstance(outcome, Refused)] == [
        *[Refusal.KNOWN] * 2,
        Refusal.NO_FACE,
    ]
    assert len(studio.engine.found) - looked_at == 3  # Ann's photos were not even decoded
    assert [person.template_count for person in studio.store.people.all()] == [2, 2]


def test_the_same_picture_twice_in_one_batch_is_a_duplicate_and_of_another_person_a_likeness(studio: Studio) -> None:
    photos = [studio.photo(Scene((100,), unit(1))) for _ in range(3)]
    roster = [Entry("Ann", photos[0]), Entry("Ann", photos[1]), Entry("Bob", photos[2])]
    first, second, third = enrol_photos(studio.store, studio.engine, roster)
    assert isinstance(first, Accepted)
    assert isinstance(second, Refused)
    assert second.reason is Refusal.DUPLICATE
    assert isinstance(third, Accepted)
    assert (first.resembles, third.resembles) == (None, "Ann")


def test_pictures_are_not_kept(studio: Studio) -> None:
    roster = [Entry("Ann", studio.photo(Scene((100,), unit(seed)))) for seed in range(12)]
    alive = []
    for _ in enrol_photos(studio.store, studio.engine, roster, batch=2):
        alive.append(sum(reference() is not None for reference in studio.engine.found))
    assert max(alive) <= 2


def test_photos_of_somebody_whose_consent_ended_are_refused_and_the_others_taken(studio: Studio) -> None:
    ended = Consent("signed form", datetime(2026, 3, 1, tzinfo=UTC))
    known, new, *others = (studio.photo(Scene((100,), unit(seed))) for seed in range(1, 6))
    enrol(studio.store, studio.engine, "Ann", [known])
    studio.store.people.set_consent("Ann", ended)
    fresh = Consent("signed form", None)
    roster = [
        *(Entry("Ann", known), Entry("Ann", new)),
        *(Entry("Bob", others[0], ended), Entry("Cid", others[1], fresh), Entry("ANN", others[2], fresh)),
    ]
    outcomes = list(enrol_photos(studio.store, studio.engine, roster))
    assert [outcome.reason if isinstance(outcome, Refused) else None for outcome in outcomes] == [
        *(Refusal.KNOWN, Refusal.CONSENT_ENDED, Refusal.CONSENT_ENDED),
        *(None, None),
    ]
    assert isinstance(outcomes[1], Refused)
    assert 'deconvid people consent "Ann"' in outcomes[1].detail
    assert [(person.name, person.template_count) for person in studio.store.people.all()] == [("Ann", 2), ("Cid", 1)]
