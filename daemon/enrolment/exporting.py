"""A gallery into one encrypted file."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from config.whole_files import OWNER_ONLY
from daemon.enrolment.gallery_file import GalleryHead, PersonRecord, Record, TemplateRecord, encode_records
from daemon.enrolment.sealed_file import DeriveKey, GalleryFileError, derive_key, write_sealed
from daemon.store import Person, Store, Template
from daemon.store.template_store import is_readable
from engine.manifests import ModelSpec


@dataclass(slots=True)
class Exported:
    """What is in the file, and what is not."""

    people: int = 0
    templates: int = 0
    unreadable: list[tuple[str, int]] = field(default_factory=list)
    """Name and id of each template that cannot be opened: left out."""


def export_gallery(
    store: Store,
    model: ModelSpec,
    target: Path,
    passphrase: str,
    tell: Callable[[], None] = lambda: None,
    derive: DeriveKey = derive_key,
) -> Exported:
    """Writes everybody, with all templates and crops, to a file of mode 0600.

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
    done = Exported()

    def records() -> Iterator[Record]:
        people = store.people.all()
        yield GalleryHead(
            model.name, model.sha256, len(people), sum(p.template_count for p in people), datetime.now(UTC)
        )
        for person in people:
            yield _person_record(person)
            templates = store.people.templates(person.id, with_unreadable=True)
            readable = [template for template in templates if is_readable(template)]
            yield from map(_template_record, readable)
            done.people, done.templates = done.people + 1, done.templates + len(readable)
            done.unreadable += [(person.name, template.id) for template in templates if not is_readable(template)]
            tell()

    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY), "wb") as file:
            write_sealed(file, encode_records(records()), passphrase, derive)
            file.flush()
            os.fsync(file.fileno())
        # What leaves is on record before it can be used.
        with store.database.write() as session:
            store.audit.append(session, "people.export", "gallery", f"people={done.people} templates={done.templates}")
        part.replace(target)
    except OSError as error:
        raise GalleryFileError(f"{target}: cannot be written ({error.strerror}). Choose another place") from error
    finally:
        part.unlink(missing_ok=True)
    return done


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
