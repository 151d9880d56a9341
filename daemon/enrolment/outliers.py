"""What in a gallery is worth a second look: templates that do not fit their person, people who are alike, copies."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from daemon.enrolment.kinship import SAME_PICTURE
from daemon.store import GallerySnapshot

BLOCK = 256
"""Templates that are compared with all others at once: bounds the memory to so many rows of the gallery's length."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Templates of a person that are like one another, if there are several, but not like most of the others."""

    person_id: int
    places: tuple[int, ...]
    """Which of the person's templates, by age from 0."""
    of: int
    """How many templates the person has."""


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Two people of whom templates are as alike as those of one person."""

    person_ids: tuple[int, int]
    score: float
    """Highest cosine between them."""

    @property
    def is_one_picture(self) -> bool:
        """The same picture is enrolled under two names."""
        return self.score > SAME_PICTURE


def find_misfits(gallery: GallerySnapshot, threshold: float, person_ids: Collection[int]) -> list[Misfit]:
    """Returns the templates that no chain of cosines over the threshold links to most of their person's others."""
    found = []
    for person_id in sorted(person_ids):
        own = _rows_of(gallery, person_id)
        count, groups = connected_components(own @ own.T >= threshold, directed=False)
        greatest = np.bincount(groups, minlength=1).argmax()
        for group in set(range(count)) - {int(greatest)}:
            found.append(Misfit(person_id, tuple(map(int, np.flatnonzero(groups == group))), len(own)))
    return found


def find_look_alikes(gallery: GallerySnapshot, threshold: float, person_ids: Collection[int]) -> list[LookAlikes]:
    """Returns the pairs with one of these people in it, the most alike first."""
    ids, first_rows = np.unique(gallery.person_ids, return_index=True)
    best: dict[tuple[int, int], float] = defaultdict(lambda: -1.0)
    rows = np.flatnonzero(np.isin(gallery.person_ids, list(person_ids)))
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        scores = gallery.embeddings[block] @ gallery.embeddings.T
        by_person = np.maximum.reduceat(scores, first_rows, axis=1)  # (B, P)
        for place, column in zip(*np.nonzero(by_person >= threshold), strict=True):
            one, other = int(gallery.person_ids[block[place]]), int(ids[column])
            if one != other:
                pair = (min(one, other), max(one, other))
                best[pair] = max(best[pair], float(by_person[place, column]))
    pairs = [LookAlikes(pair, score) for pair, score in best.items()]
    return sorted(pairs, key=lambda pair: (-pair.score, pair.person_ids))


def _rows_of(gallery: GallerySnapshot, person_id: int) -> NDArray[np.float32]:
    first, end = np.searchsorted(gallery.person_ids, [person_id, person_id + 1])
    return gallery.embeddings[first:end]
