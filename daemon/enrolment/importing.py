"""An exported gallery into the store: all of it in one transaction, or nothing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daemon.batches import batches
from daemon.enrolment.contents import Contents, templates_of
from daemon.enrolment.enrolling import FaceEmbedder
from daemon.enrolment.gallery_file import PersonRecord, TemplateRecord
from daemon.enrolment.kinship import SAME_PICTURE
from daemon.enrolment.reembedding import embed_crops
from daemon.enrolment.sealed_file import SealedFile
from daemon.store import Consent, Enrolment, GallerySnapshot, NewTemplate, Store
from daemon.store.names import name_key
from engine.manifests import ModelSpec

BATCH = 64

Embedding = NDArray[np.float32]


@dataclass(slots=True)
class Imported:
    """What became of the templates of those who were imported."""

    templates: int = 0
    reembedded: int = 0
    """Of `templates`, those that another model had made."""
    duplicates: int = 0
    """Were there already."""
    unreadable: int = 0
    """Of another model, and the crop is no picture: left out."""


def import_gallery(
    store: Store,
    file: SealedFile,
    contents: Contents,
    targets: Mapping[str, str],
    model: ModelSpec,
    load_embedder: Callable[[], FaceEmbedder],
    tell: Callable[[], None] = lambda: None,
) -> Imported:
    """Adds people of a file.

    Args:
        file: whose contents were read: nothing is imported of one that is damaged at its end.
        contents: of this file.
        targets: names in the store by those in the file; the others are left out.
        model: the configured embedder.
        load_embedder: is called if there are templates of another model.
        tell: is called with each of those when it is embedded.

    Raises:
        ConsentEndedError: that of somebody who would get templates has ended; nothing was imported.
        StoreError: nothing was imported.
    """
    # Before the store is locked: the daemon wants to write meanwhile.
    renewed = _embed_foreign(file, targets, model, load_embedder(), tell) if contents.foreign else []
    # Who has expired is on record until erased: an older consent of the file must not revive them.
    gallery = store.people.gallery(model.sha256, with_expired=True)
    on_record = {name_key(name) for name in gallery.people.values()}
    known = _templates_by_name(gallery, set(targets.values()))
    done = Imported(unreadable=sum(embedding is None for embedding in renewed))

    def enrolments() -> Iterator[Enrolment]:
        foreign = iter(renewed)
        for person, template in templates_of(file, targets):
            is_foreign = template.model_digest != model.sha256
            embedding = next(foreign) if is_foreign else np.frombuffer(template.embedding, "<f4")
            if embedding is None:
                continue
            name = targets[person.name]
            key = name_key(name)
            own = known.get(key)
            if own is not None and (own @ embedding).max() > SAME_PICTURE:
                done.duplicates += 1
                continue
            done.templates, done.reembedded = done.templates + 1, done.reembedded + is_foreign
            consent = None if key in on_record else _consent(person)
            yield Enrolment(name, _new_template(template, embedding, model), consent)

    store.people.enrol_all(enrolments(), "people.import")
    return done


def _embed_foreign(
    file: SealedFile,
    targets: Mapping[str, str],
    model: ModelSpec,
    embedder: FaceEmbedder,
    tell: Callable[[], None],
) -> list[Embedding | None]:
    """Returns the embeddings of the templates of other models, in the order of the file; None: no picture."""
    foreign = (t.crop for _, t in templates_of(file, targets) if t.model_digest != model.sha256)
    renewed: list[Embedding | None] = []
    for crops in batches(foreign, BATCH):
        renewed += embed_crops(embedder, crops)
        for _ in crops:
            tell()
    return renewed


def _templates_by_name(gallery: GallerySnapshot, names: set[str]) -> dict[str, Embedding]:
    """Returns (T, D) float32 of each of these who has a template, by the name's key."""
    found: dict[str, Embedding] = {}
    for person_id, name in gallery.people.items():
        if name in names:
            first, end = np.searchsorted(gallery.person_ids, [person_id, person_id + 1])
            if end > first:
                found[name_key(name)] = gallery.embeddings[first:end]
    return found


def _new_template(template: TemplateRecord, embedding: Embedding, model: ModelSpec) -> NewTemplate:
    return NewTemplate(
        embedding=embedding,
        model_digest=model.sha256,
        quality=template.quality,
        crop=template.crop,
        source=template.source,
        source_digest=template.source_digest,
    )


def _consent(person: PersonRecord) -> Consent | None:
    if person.consent_basis is None and person.expires_at is None:
        return None
    return Consent(person.consent_basis, person.expires_at, person.consent_at)
