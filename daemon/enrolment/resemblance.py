"""Whether a stranger's faces are those of the person by whose name they are to be enrolled."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.errors import DeconvIDError
from daemon.batches import batches
from daemon.enrolment.likeness import ODD_RATE, alarm_cosine, cosine_of_strangers
from daemon.store import Person, Store
from daemon.store.stranger_records import label_of
from engine.manifests import ModelSpec

READ_AT_ONCE = 1024
"""People who are compared together: it bounds the memory, which is the supervisor's when a program gives the name."""


class UnlikeError(DeconvIDError):
    """Most of a stranger's faces do not resemble the person of that name. Its text has no name in it."""


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Somebody who is enrolled, and whom faces look like."""

    id: int
    name: str


def check_name(store: Store, model: ModelSpec, stranger: int, name: str) -> LookAlike | None:
    """Compares a stranger's faces with who is enrolled, as new photos are compared, before they get a name.

    Args:
        model: the configured embedder.

    Returns:
        If nobody has that name yet, whom else the faces look like; None: nobody.

    Raises:
        UnlikeError: somebody has that name, and most of the faces do not resemble them.
        UnknownStrangerError: there is nobody of that number.
        ConsentEndedError: that of the person of that name has ended.
        InvalidNameError: nobody can have that name.
    """
    store.people.check_consent(name)
    person = store.people.find(name)
    if not store.strangers.entry(stranger).likenesses:
        return None  # whoever names them is told why that cannot be
    faces = _faces_of(store, model, stranger)
    if person is None:
        return _find_look_alike(store, model, faces)
    if not _resembles(store, model, faces, person):
        label = label_of(stranger)
        raise UnlikeError(
            f"{label}: most of the faces do not resemble who is enrolled by that name, and would be known as them. "
            f"`deconvid unknowns show {label} --crops FOLDER` writes the pictures; if it is one person all the same, "
            f"`deconvid unknowns name {label} NAME --yes`"
        )
    return None


def _faces_of(store: Store, model: ModelSpec, stranger: int) -> NDArray[np.float32]:
    """Returns (F, D) float32, (0, 0) if another model made them."""
    known = store.strangers.snapshot(model.sha256).strangers.get(stranger)
    return np.stack([one.embedding for one in known.likenesses]) if known else np.empty((0, 0), np.float32)


def _resembles(store: Store, model: ModelSpec, faces: NDArray[np.float32], person: Person) -> bool:
    """Whether half of the faces do; not where there is nothing to compare."""
    own = store.people.gallery(model.sha256, [person.id]).embeddings
    if not len(faces) or not len(own):
        return False
    best = (faces @ own.T).max(axis=1)
    return bool(np.mean(best >= cosine_of_strangers(model, ODD_RATE)) >= 0.5)


def _find_look_alike(store: Store, model: ModelSpec, faces: NDArray[np.float32]) -> LookAlike | None:
    """Returns who is nearest, if that is nearer than the nearest of so many strangers would be."""
    nearest, highest, compared = None, -1.0, 0
    for ids in batches(store.people.changed().people, READ_AT_ONCE):
        gallery = store.people.gallery(model.sha256, ids)
        if not len(faces) or not len(gallery.embeddings):
            continue
        scores = (faces @ gallery.embeddings.T).max(axis=0)
        compared += len(faces) * len(scores)
        place = int(scores.argmax())
        if scores[place] > highest:
            id = int(gallery.person_ids[place])
            nearest, highest = LookAlike(id, gallery.people[id]), float(scores[place])
    return nearest if highest >= alarm_cosine(model, compared) else None
