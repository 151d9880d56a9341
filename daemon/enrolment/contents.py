"""What an exported gallery holds, known only once all of it has been read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from daemon.enrolment.gallery_file import GalleryHead, PersonRecord, TemplateRecord, decode_records
from daemon.enrolment.sealed_file import GalleryFileError, SealedFile
from daemon.store import InvalidNameError
from daemon.store.names import name_key, normalise_name
from engine.manifests import ModelSpec

NORM_TOLERANCE = 1e-3


@dataclass(slots=True)
class Contents:
    head: GalleryHead
    names: list[str] = field(default_factory=list)
    templates: int = 0
    foreign: int = 0
    """Templates of other models than the configured one."""


def read_contents(file: SealedFile, model: ModelSpec) -> Contents:
    """Reads a file to its end, so that nothing is imported of one that is damaged there.

    Args:
        file: whose passphrase is right.
        model: the configured embedder.

    Raises:
        GalleryFileError: it is damaged, was cut off, or holds what cannot be imported.
    """
    records = decode_records(file.open())
    head = next(records, None)
    if not isinstance(head, GalleryHead):
        raise GalleryFileError(f"does not begin as a gallery does. {EXPORT_AGAIN}")
    contents = Contents(head)
    for record in records:
        if isinstance(record, PersonRecord):
            contents.names.append(_checked_name(record))
        elif isinstance(record, TemplateRecord) and contents.names:
            contents.templates += 1
            contents.foreign += record.model_digest != model.sha256
            _check_embedding(record, model)
        else:
            raise GalleryFileError(f"has a template that is nobody's. {EXPORT_AGAIN}")
    if len({name_key(name) for name in contents.names}) < len(contents.names):
        raise GalleryFileError(f"has two people of one name. {EXPORT_AGAIN}")
    return contents


def templates_of(file: SealedFile, names: Mapping[str, str]) -> Iterator[tuple[PersonRecord, TemplateRecord]]:
    """Yields the templates of the people whose names are wanted, each with its person."""
    person = None
    for record in decode_records(file.open()):
        if isinstance(record, PersonRecord):
            person = record if record.name in names else None
        elif isinstance(record, TemplateRecord) and person:
            yield person, record


EXPORT_AGAIN = "Export it again; nothing was imported"


def _checked_name(person: PersonRecord) -> str:
    try:
        if normalise_name(person.name) == person.name:
            return person.name
    except InvalidNameError:
        pass
    raise GalleryFileError(f"has a person with an impossible name. {EXPORT_AGAIN}")


def _check_embedding(template: TemplateRecord, model: ModelSpec) -> None:
    """One that is not of length 1 would match everybody, or nobody."""
    if template.model_digest == model.sha256:
        embedding = np.frombuffer(template.embedding[: len(template.embedding) // 4 * 4], "<f4")
        if len(embedding) != model.dimension or not abs(np.linalg.norm(embedding) - 1) < NORM_TOLERANCE:
            raise GalleryFileError(f"has a template that is no embedding of {model.name}. {EXPORT_AGAIN}")
