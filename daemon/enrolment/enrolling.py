"""Photos into the store: each is accepted or refused on its own, a batch of them is embedded and committed together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from daemon.batches import batches
from daemon.enrolment.candidates import Candidate, FaceFinder, look_at
from daemon.enrolment.kinship import Kin, Kinship
from daemon.enrolment.likeness import ODD_RATE, alarm_cosine, cosine_of_strangers
from daemon.enrolment.outcomes import Accepted, Outcome, Refusal, Refused, known_already
from daemon.enrolment.roster import Entry
from daemon.store import Consent, Enrolment, Store
from daemon.store.people import ConsentEndedError
from engine.manifests import ModelSpec

BATCH = 32
"""Photos of an import that are embedded and committed together: a commit waits for the disk."""


class FaceEmbedder(Protocol):
    """What enrolment needs of engine.Embedder."""

    @property
    def digest(self) -> str: ...

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def size(self) -> int: ...

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]: ...


class PhotoEngine(FaceFinder, Protocol):
    """What enrolment needs of engine.FaceEngine."""

    @property
    def embedder(self) -> FaceEmbedder: ...


def enrol(
    store: Store,
    engine: PhotoEngine,
    name: str,
    photos: Iterable[Path],
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Adds the faces of a person's photos, one by one.

    Args:
        store: where the person is, or is made with the first photo that is accepted.
        engine: whose embedder makes the templates.
        name: of the person.
        photos: files.
        tell: is called with each photo's outcome as soon as it is known.

    Raises:
        InvalidNameError: nobody can have that name.
        StoreError: the store cannot be written; photos that were told as accepted are in it.
    """
    outcomes = []
    for outcome in enrol_photos(store, engine, (Entry(name, photo) for photo in photos), batch=1):
        tell(outcome)
        outcomes.append(outcome)
    return outcomes


def enrol_photos(store: Store, engine: PhotoEngine, roster: Iterable[Entry], batch: int = BATCH) -> Iterator[Outcome]:
    """Adds the faces of many people's photos; yields each photo's outcome when it is in the store.

    Memory holds the gallery's embeddings and the crops of one batch, however many photos there are.

    Raises:
        InvalidNameError: nobody can have that name.
        StoreError: the store cannot be written; photos whose outcome was yielded are in it.
    """
    kinship = Kinship(store.people.gallery(engine.embedder.digest))
    for entries in batches(roster, batch):
        yield from enrol_candidates(store, engine.embedder, kinship, entries, _look(store, engine, entries))


def enrol_candidates(
    store: Store,
    embedder: FaceEmbedder,
    kinship: Kinship,
    entries: Sequence[Entry],
    looks: Sequence[Candidate | Refused],
) -> list[Outcome]:
    """Embeds and stores what passed the gate, in one transaction; returns what became of each entry."""
    passed = [(entry, look) for entry, look in zip(entries, looks, strict=True) if isinstance(look, Candidate)]
    if not passed:
        return [look for look in looks if isinstance(look, Refused)]
    embeddings = embedder.embed(np.stack([candidate.crop for _, candidate in passed]))
    kin = kinship.admit([entry.name for entry, _ in passed], embeddings)
    taken = zip(passed, embeddings, kin, strict=True)
    late: set[tuple[str, str | None]] = set()
    store.people.enrol_all(
        [
            Enrolment(entry.name, candidate.template(embedding, embedder.digest), entry.consent)
            for (entry, candidate), embedding, found in taken
            if not found.is_same_picture
        ],
        tell_known=lambda enrolment: late.add((enrolment.name, enrolment.template.source_digest)),
    )
    judged = iter(kin)
    return [
        look
        if isinstance(look, Refused)
        else _outcome(entry, look, next(judged), embedder.spec, (entry.name, look.digest) in late)
        for entry, look in zip(entries, looks, strict=True)
    ]


def _look(store: Store, engine: PhotoEngine, entries: Sequence[Entry]) -> list[Candidate | Refused]:
    looks: list[Candidate | Refused] = []
    for (name, consent), own in groupby(entries, key=lambda entry: (entry.name, entry.consent)):
        known, ended = store.templates.source_digests(name), _ended(store, name, consent)
        looks += [look_at(engine, name, entry.photo, known, ended) for entry in own]
    return looks


def _ended(store: Store, name: str, consent: Consent | None) -> str | None:
    """Returns what is to be told of a consent that has ended, None of one that holds."""
    try:
        store.people.check_consent(name, consent)
    except ConsentEndedError as error:
        return str(error)
    return None


def _outcome(entry: Entry, candidate: Candidate, kin: Kin, model: ModelSpec, is_known: bool) -> Outcome:
    if is_known:
        return known_already(entry.name, entry.photo)
    if kin.is_same_picture:
        return Refused(entry.name, entry.photo, Refusal.DUPLICATE, "this person is enrolled with this picture already")
    return Accepted(
        name=entry.name,
        photo=entry.photo,
        quality=candidate.quality,
        is_odd=kin.own_score is not None and kin.own_score < cosine_of_strangers(model, ODD_RATE),
        resembles=kin.other if kin.other_score >= alarm_cosine(model, kin.others) else None,
    )
