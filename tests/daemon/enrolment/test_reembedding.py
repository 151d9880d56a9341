import numpy as np
import pytest
from sqlalchemy import update

from daemon.enrolment.coverage import missing_templates
from daemon.enrolment.reembedding import BATCH, reembed
from daemon.store import ModelCoverage, Store
from daemon.store.schema import TemplateRow
from engine.crops import encode_crop
from tests.daemon.enrolment.studio import FakeEngine, Scene
from tests.daemon.factories import MODEL, make_template, unit

NEW = "b" * 64


def crop(number: int, size: int = 112) -> bytes:
    return encode_crop(np.full((size, size, 3), number, np.uint8))


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(digest=NEW, scenes={number: Scene((100,), unit(100 + number)) for number in range(3)})


def enrol(store: Store, count: int) -> None:
    for number in range(count):
        store.people.enrol(f"P{number}", make_template(unit(number), crop=crop(number % 3)))


def test_every_template_becomes_one_of_the_new_model(store: Store, engine: FakeEngine) -> None:
    enrol(store, 3)
    revision = store.people.revision()
    assert [done.renewed for done in reembed(store, engine)] == [3]
    assert np.allclose(store.people.gallery(NEW).embeddings, [unit(100 + number) for number in range(3)], atol=1e-6)
    assert not len(store.people.gallery(MODEL).embeddings)
    assert store.people.revision() > revision  # the daemon loads them anew
    [template] = store.people.templates(1)
    assert (template.crop, template.source) == (crop(0), "photo.jpg")
    assert list(reembed(store, engine)) == []


def test_what_was_done_before_a_kill_stays_done(store: Store, engine: FakeEngine) -> None:
    enrol(store, BATCH + 2)
    killed = reembed(store, engine)
    next(killed)
    killed.close()
    assert store.templates.coverage(NEW) == ModelCoverage(BATCH, 2, 2)
    assert [done.renewed for done in reembed(store, engine)] == [2]
    assert store.templates.coverage(NEW) == ModelCoverage(BATCH + 2, 0, 0)


def test_a_crop_that_is_no_picture_stays_and_is_told(store: Store, engine: FakeEngine) -> None:
    store.people.enrol("Ann", make_template(unit(1), crop=b"no picture"))
    store.people.enrol("Bob", make_template(unit(2), crop=crop(2)))
    [done] = reembed(store, engine)
    assert (done.renewed, done.unreadable) == (1, ((1, 1),))
    assert store.templates.coverage(NEW) == ModelCoverage(1, 1, 1)


def test_templates_that_cannot_be_opened_are_told_and_stop_nobody(store: Store, engine: FakeEngine) -> None:
    enrol(store, BATCH + 2)
    with store.database.write() as session:
        session.execute(update(TemplateRow).where(TemplateRow.id == 3).values(embedding=b"changed"))
        session.execute(update(TemplateRow).where(TemplateRow.id == 5).values(crop=b"changed"))
    store.vault.destroy("person:7")
    first, second = reembed(store, engine)
    assert (first.renewed, first.unreadable) == (BATCH - 2, ((5, 5), (7, 7)))
    assert (second.renewed, second.unreadable) == (2, ())
    # Of the third, the crop is whole: the embedding is made anew of it.
    ids = {3, *range(1, BATCH + 3)} - {5, 7}
    assert set(store.people.gallery(NEW).person_ids.tolist()) == ids


def test_whoever_is_erased_meanwhile_is_not_brought_back(store: Store, engine: FakeEngine) -> None:
    enrol(store, 2)
    embed = engine.embed

    def erase_then_embed(crops: np.ndarray) -> np.ndarray:
        store.people.erase("P0")
        return embed(crops)

    engine.embed = erase_then_embed  # type: ignore[method-assign]
    assert [done.renewed for done in reembed(store, engine)] == [1]
    assert [person.name for person in store.people.all()] == ["P1"]
    assert "person:1" not in store.vault.ring.held()


def test_crops_are_brought_to_the_size_of_the_model(store: Store, engine: FakeEngine) -> None:
    store.people.enrol("Ann", make_template(unit(1), crop=crop(1, size=160)))
    shapes: list[tuple[int, ...]] = []
    embed = engine.embed

    def note_shape(crops: np.ndarray) -> np.ndarray:
        shapes.append(crops.shape)
        return embed(crops)

    engine.embed = note_shape  # type: ignore[method-assign]
    list(reembed(store, engine))
    assert shapes == [(1, 112, 112, 3)]


@pytest.fixture
def coverage(store: Store) -> ModelCoverage:
    enrol(store, 2)
    store.people.enrol("P0", make_template(unit(9), NEW))
    return store.templates.coverage(NEW)


def test_people_whom_the_model_does_not_know_are_counted(coverage: ModelCoverage) -> None:
    assert coverage == ModelCoverage(templates=1, foreign_templates=2, people_without=1)
    assert missing_templates(coverage) == "2 of 3 templates were made by another model, and 1 person is not recognised"
    assert missing_templates(ModelCoverage(3, 0, 0)) is None
