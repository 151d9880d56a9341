"""What to do about whom, so that names are found and are right."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daemon.enrolment.kinship import SAME_PICTURE
from daemon.enrolment.outliers import LookAlikes, Misfit
from daemon.store import GallerySnapshot

ENOUGH_PHOTOS = 3


@dataclass(frozen=True, slots=True)
class Copies:
    """One picture, enrolled twice for one person."""

    person_id: int
    places: tuple[int, int]
    """Which of the person's templates, by age from 0."""


def find_copies(gallery: GallerySnapshot) -> list[Copies]:
    found = []
    ids, first_rows, counts = np.unique(gallery.person_ids, return_index=True, return_counts=True)
    for person_id, first, count in zip(ids.tolist(), first_rows, counts, strict=True):
        own = gallery.embeddings[first : first + count]
        for place, other in zip(*np.nonzero(np.triu(own @ own.T > SAME_PICTURE, 1)), strict=True):
            found.append(Copies(person_id, (int(place), int(other))))
    return found


def advise(
    gallery: GallerySnapshot,
    alike: Sequence[LookAlikes],
    misfits: Sequence[Misfit],
    copies: Sequence[Copies],
    missed: NDArray[np.int64],
) -> dict[int, tuple[str, ...]]:
    """Returns what to do, by person, for those about whom there is something to do.

    Args:
        missed: whose each photo is that would not be recognised by the person's others.
    """
    advice: dict[int, list[str]] = defaultdict(list)
    for pair in alike:
        for one, other in (pair.person_ids, pair.person_ids[::-1]):
            advice[one].append(_about_alike(pair, gallery.people[other]))
    for misfit in misfits:
        numbers = ", ".join(str(place + 1) for place in misfit.places)
        advice[misfit.person_id].append(f"photo {numbers} of {misfit.of} is unlike the others: is it somebody else?")
    for copy in copies:
        first, second = copy.places
        advice[copy.person_id].append(f"photos {first + 1} and {second + 1} are one picture: the second adds nothing")
    photos, lost = Counter(gallery.person_ids.tolist()), Counter(missed.tolist())
    for person_id, count in photos.items():
        if count < ENOUGH_PHOTOS:
            advice[person_id].append(
                f"has fewer than {ENOUGH_PHOTOS} photos ({count}): add some in another light or pose"
            )
        elif lost[person_id]:
            advice[person_id].append(
                f"{lost[person_id]} of {count} photos would not be recognised by the others: add photos like those "
                "that the cameras see"
            )
    return {person_id: tuple(texts) for person_id, texts in sorted(advice.items())}


def _about_alike(pair: LookAlikes, other: str) -> str:
    if pair.is_one_picture:
        return f"is enrolled with the same picture as {other}: erase one of the two"
    return f"looks like {other} ({pair.score:.2f}): add photos of both, else neither may be named"
