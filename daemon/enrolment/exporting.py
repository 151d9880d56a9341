"""A gallery into one encrypted file."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from config.whole_files import OWNER_ONLY
from daemon.enrolment.gallery_file import GalleryHead, PersonRecord, Record, TemplateRecord, encode_records
from daemon.enrolment.sealed_file import DeriveKey, GalleryFileError, derive_key, write_sealed
from daemon.store import Person, Store, Template
from engine.manifests import ModelSpec


def export_gallery(
    store: Store,
    model: ModelSpec,
    target: Path,
    passphrase: str,
    tell: Callable[[], None] = lambda: None,
    derive: DeriveKey = derive_key,
) -> tuple[int, int]:
    """Writes everybody, with all templates and crops, to a file of mode 0600; returns the numbers of both.

    Args:
        model: the configured embedder.
        target: appears when it is whole.
        passphrase: which opens it.
        tell: is called with each person written.

    Raises:
        GalleryFileError: the file cannot be written.
        StoreError: the store cannot be read.
    """
    part = target.with_name(f".{target.name}.{uuid4().hex}")
    count = [0, 0]

    def records() -> Iterator[Record]:
        people = store.people.all()
        yield GalleryHead(
            model.name, model.sha256, len(people), sum(p.template_count for p in people), datetime.now(UTC)
        )
        for person in people:
            yield _person_record(person)
            templates = store.people.templates(person.id)
            yield from map(_template_record, templates)
            count[0], count[1] = count[0] + 1, count[1] + len(templates)
            tell()

    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY), "wb") as file:
            write_sealed(file, encode_records(records()), passphrase, derive)
            file.flush()
            os.fsync(file.fileno())
        # What leaves is on record before it can be used.
        with store.database.write() as session:
            store.audit.append(session, "people.export", "gallery", f"people={count[0]} templates={count[1]}")
        part.replace(target)
    except OSError as error:
        raise GalleryFileError(f"{target}: cannot be written ({error.strerror}). Choose another place") from error
    finally:
        part.unlink(missing_ok=True)
    return count[0], count[1]


def _person_record(person: Person) -> PersonRecord:
    return PersonRecord(person.name, person.consent_basis, person.consent_at, person.expires_at)


def _template_record(template: Template) -> TemplateRecord:
    return TemplateRecord(
        model_digest=template.model_digest,
        embedding=template.embedding.astype("<f4").tobytes(),
        quality=template.quality,
        crop=template.crop,
        source=template.source,
        source_digest=template.source_digest,
    )
