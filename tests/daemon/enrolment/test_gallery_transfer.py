"""A gallery out of one store and into another."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from daemon.enrolment.conflicts import OnConflict, resolve_names
from daemon.enrolment.contents import read_contents
from daemon.enrolment.exporting import Exported, export_gallery
from daemon.enrolment.gallery_file import GalleryHead, PersonRecord, TemplateRecord, encode_records
from daemon.enrolment.importing import Imported, import_gallery
from daemon.enrolment.sealed_file import GalleryFileError, SealedFile, write_sealed
from daemon.store import Consent, Enrolment, Store
from daemon.store.people import ConsentEndedError
from daemon.store.schema import TemplateRow
from engine.crops import encode_crop
from tests.daemon.enrolment.studio import FakeEngine, Scene
from tests.daemon.enrolment.test_sealed_file import cheap_key
from tests.daemon.factories import MODEL, make_template, towards, unit

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
OTHER_MODEL = "b" * 64


def crop(number: int) -> bytes:
    return encode_crop(np.full((112, 112, 3), number, np.uint8))


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Store]:
    """Ann with two templates and a consent, Bob with one."""
    with Store.open(tmp_path / "full" / "identities.sqlite") as store:
        consent = Consent("signed form", datetime(2027, 1, 1, tzinfo=UTC), NOW)
        store.people.enrol_all(
            [
                Enrolment("Ann", make_template(unit(1), crop=crop(1)), consent),
                Enrolment("Ann", make_template(unit(2), crop=crop(2))),
                Enrolment("Bob", make_template(unit(3), crop=crop(3))),
            ]
        )
        yield store


@dataclass
class Transfer:
    folder: Path
    engine: FakeEngine = field(default_factory=FakeEngine)
    embedded: int = 0

    @property
    def path(self) -> Path:
        return self.folder / "gallery.deconvid"

    def export(self, store: Store) -> Exported:
        return export_gallery(store, self.engine.spec, self.path, "word", derive=cheap_key)

    def load(self, store: Store, on_conflict: OnConflict = OnConflict.REFUSE) -> Imported:
        with self.path.open("rb") as raw:
            file = SealedFile(raw, "word", cheap_key)
            contents = read_contents(file, self.engine.spec)
            targets = resolve_names(contents.names, [p.name for p in store.people.all()], on_conflict)
            return import_gallery(store, file, contents, targets, self.engine.spec, lambda: self.engine, self._count)

    def _count(self) -> None:
        self.embedded += 1


@pytest.fixture
def transfer(tmp_path: Path) -> Transfer:
    return Transfer(tmp_path)


def everything(store: Store) -> list[tuple[object, ...]]:
    return [
        (p.name, p.consent_basis, p.consent_at, p.expires_at, t.embedding.tobytes(), t.crop, t.model_digest, t.source)
        for p in store.people.all()
        for t in store.people.templates(p.id)
    ]


def test_people_arrive_with_templates_crops_and_consent(full: Store, store: Store, transfer: Transfer) -> None:
    assert transfer.export(full) == Exported(2, 3)
    assert transfer.path.stat().st_mode & 0o777 == 0o600
    assert transfer.load(store) == Imported(templates=3)
    assert everything(store) == everything(full)
    assert transfer.embedded == 0


def test_export_and_import_are_on_record(full: Store, store: Store, transfer: Transfer) -> None:
    transfer.export(full)
    assert [entry.action for entry in full.audit.entries()][-1] == "people.export"
    transfer.load(store)
    assert "people.import" in [entry.action for entry in store.audit.entries()]


def test_another_models_templates_are_made_anew_from_their_crops(full: Store, store: Store, transfer: Transfer) -> None:
    transfer.export(full)
    transfer.engine.digest = OTHER_MODEL
    transfer.engine.scenes = {number: Scene((100,), unit(10 + number)) for number in (1, 2, 3)}
    assert transfer.load(store) == Imported(templates=3, reembedded=3)
    assert transfer.embedded == 3
    gallery = store.people.gallery(OTHER_MODEL)
    assert np.allclose(gallery.embeddings, [unit(11), unit(12), unit(13)], atol=1e-6)
    assert not len(store.people.gallery(MODEL).embeddings)


def test_a_crop_that_is_no_picture_is_left_out_and_counted(store: Store, transfer: Transfer, full: Store) -> None:
    full.people.enrol("Cid", make_template(unit(4), crop=b"no picture"))
    transfer.export(full)
    transfer.engine.digest = OTHER_MODEL
    transfer.engine.scenes = {number: Scene((100,), unit(10 + number)) for number in (1, 2, 3)}
    assert transfer.load(store) == Imported(templates=3, reembedded=3, unreadable=1)


def test_names_that_exist_stop_an_import_that_does_not_say_what_to_do(
    full: Store, store: Store, transfer: Transfer
) -> None:
    transfer.export(full)
    store.people.enrol("ann", make_template(unit(7)))
    before = everything(store)
    with pytest.raises(GalleryFileError, match=r"'Ann'.*--on-conflict"):
        transfer.load(store)
    assert everything(store) == before


def test_merging_adds_what_is_missing_and_keeps_the_consent_on_record(
    full: Store, store: Store, transfer: Transfer
) -> None:
    transfer.export(full)
    consent = Consent("contract", None, NOW)
    store.people.enrol_all([Enrolment("ANN", make_template(towards(unit(1), 0.9999)), consent)])
    assert transfer.load(store, OnConflict.MERGE) == Imported(templates=2, duplicates=1)
    ann = store.people.get("Ann")
    assert (ann.name, ann.template_count, ann.consent_basis, ann.expires_at) == ("ANN", 2, "contract", None)


def test_merging_adds_nothing_to_somebody_whose_consent_ended(full: Store, store: Store, transfer: Transfer) -> None:
    transfer.export(full)
    ended = Consent("signed form", datetime(2026, 3, 1, tzinfo=UTC), NOW)
    store.people.enrol_all([Enrolment("Ann", make_template(unit(1)), ended)])
    before = everything(store)
    with pytest.raises(ConsentEndedError, match=r'deconvid people consent "Ann"'):
        transfer.load(store, OnConflict.MERGE)
    assert everything(store) == before
    store.people.enrol_all([Enrolment("Ann", make_template(unit(2)), Consent("signed again", None))])
    store.people.set_consent("Ann", ended)
    assert transfer.load(store, OnConflict.MERGE) == Imported(templates=1, duplicates=2)  # Bob alone
    assert store.people.get("Ann").expires_at == ended.expires_at


def test_whose_consent_ended_by_the_file_is_kept_for_the_days_of_grace(
    full: Store, store: Store, transfer: Transfer
) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    full.people.set_consent("Ann", Consent("signed form", now - 30 * day, now - 400 * day))
    transfer.export(full)
    assert transfer.load(store) == Imported(templates=3)
    assert set(store.people.gallery(MODEL).people.values()) == {"Bob"}
    assert store.expiry.erase(now - 7 * day) == 0
    assert store.expiry.erase(now + day) == 1
    assert [person.name for person in store.people.all()] == ["Bob"]


def test_templates_that_cannot_be_opened_are_left_out_and_told(full: Store, store: Store, transfer: Transfer) -> None:
    with full.database.write() as session:
        session.execute(update(TemplateRow).where(TemplateRow.id == 1).values(crop=b"changed"))
        session.execute(update(TemplateRow).where(TemplateRow.id == 3).values(embedding=b"changed"))
    assert transfer.export(full) == Exported(people=2, templates=1, unreadable=[("Ann", 1), ("Bob", 3)])
    assert transfer.load(store) == Imported(templates=1)
    assert [(row[0], row[5]) for row in everything(store)] == [("Ann", crop(2))]


def test_skipping_leaves_them_as_they_are(full: Store, store: Store, transfer: Transfer) -> None:
    transfer.export(full)
    store.people.enrol("Ann", make_template(unit(7)))
    assert transfer.load(store, OnConflict.SKIP) == Imported(templates=1)
    assert store.people.get("Ann").template_count == 1


def test_renaming_keeps_them_apart(full: Store, store: Store, transfer: Transfer) -> None:
    transfer.export(full)
    store.people.enrol("Ann", make_template(unit(7)))
    store.people.enrol("ann (2)", make_template(unit(8)))
    transfer.load(store, OnConflict.RENAME)
    assert [person.name for person in store.people.all()] == ["Ann", "ann (2)", "Ann (3)", "Bob"]
    assert store.people.get("Ann (3)").consent_basis == "signed form"


def test_a_longest_name_still_gets_a_number() -> None:
    long = "x" * 100
    renamed = resolve_names([long], [long.upper()], OnConflict.RENAME)[long]
    assert (len(renamed), renamed[-4:]) == (100, " (2)")


def test_nothing_is_imported_of_a_file_that_is_cut_at_its_end(full: Store, store: Store, transfer: Transfer) -> None:
    transfer.export(full)
    data = transfer.path.read_bytes()
    transfer.path.write_bytes(data[:-1])
    with pytest.raises(GalleryFileError, match="cut off"):
        transfer.load(store)
    assert store.people.all() == []


HEAD = GalleryHead("fake", MODEL, 1, 1, NOW)
ANN = PersonRecord("Ann", None, None, None)


def template(embedding: bytes = unit(1).tobytes(), model: str = MODEL) -> TemplateRecord:
    return TemplateRecord(model, embedding, 0.9, crop(1), "a.jpg", None)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([ANN], "does not begin"),
        ([HEAD, template()], "nobody's"),
        ([HEAD, ANN, PersonRecord("ANN", None, None, None)], "two people"),
        ([HEAD, PersonRecord("A\x00", None, None, None)], "impossible name"),
        ([HEAD, ANN, template(unit(1).tobytes()[:-4])], "no embedding"),
        ([HEAD, ANN, template(bytes(256))], "no embedding"),
        ([HEAD, ANN, template((unit(1) * np.nan).tobytes())], "no embedding"),
        ([HEAD, ANN, template(b"odd")], "no embedding"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_whole(
    store: Store, transfer: Transfer, records: list[GalleryHead | PersonRecord | TemplateRecord], message: str
) -> None:
    file = io.BytesIO()
    write_sealed(file, encode_records(records), "word", cheap_key)
    transfer.path.write_bytes(file.getvalue())
    with pytest.raises(GalleryFileError, match=message):
        transfer.load(store)


@pytest.mark.parametrize("data", [b"\0\0\0\x05hello", b"\0\0\0\x05hi", b"\xff\xff\xff\xff", b"\0\0", b"\0\0\0\0"])
def test_records_of_somebody_elses_program_are_refused(data: bytes, store: Store, transfer: Transfer) -> None:
    file = io.BytesIO()
    write_sealed(file, [*encode_records([HEAD, ANN]), data], "word", cheap_key)
    transfer.path.write_bytes(file.getvalue())
    with pytest.raises(GalleryFileError, match="does not know"):
        transfer.load(store)


def test_an_export_that_fails_leaves_no_file(full: Store, tmp_path: Path) -> None:
    with pytest.raises(GalleryFileError, match="cannot be written"):
        export_gallery(full, FakeEngine().spec, tmp_path / "absent" / "file", "word", derive=cheap_key)
    full.people.enrol("Cid", make_template(unit(4)))
    with pytest.raises(ZeroDivisionError):
        export_gallery(full, FakeEngine().spec, tmp_path / "file", "word", lambda: 1 / 0, cheap_key)  # type: ignore
    assert not [path for path in tmp_path.iterdir() if "file" in path.name]
