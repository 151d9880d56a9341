"""Identification rehearsed on the enrolled photos: each is looked for as if it were a look of a camera.

A photo of somebody who has several is looked for among everybody, the person being known by the others; a photo of
anybody is looked for among everybody else, as a stranger's. Photos are better than most looks of a camera: misses are
rarer here than at the door, and the comparison of one gallery with another, or of today with last month, is what it is
good for. Pure: no clock, no store.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from daemon.identity.faces import fuse
from daemon.store import GallerySnapshot

BLOCK = 1024
"""Photos that are compared at once: bounds the memory to so many rows of the gallery's length."""
MOST_PHOTOS = 10_000
"""That are looked for; of more, so many evenly spread."""
ROUNDS = 1000
COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """A measured share, 0..1, with the interval that holds it with 95 % confidence: a bootstrap over people.

    Where all or none hit there is nothing to draw: the open end is the exact one of a binomial of people.
    """

    value: float
    low: float
    high: float
    of: int
    """Photos."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    places: NDArray[np.intp]
    """(N,) of each photo in the snapshot."""
    person_ids: NDArray[np.int64]
    """(N,) whose it is."""
    own: NDArray[np.float32]
    """(N,) cosine with the person's other photos, fused; NaN if there are none."""
    other: NDArray[np.float32]
    """(N,) cosine with the nearest other person; -1 if there is none."""

    @classmethod
    def of(cls, gallery: GallerySnapshot) -> Self:
        faces = fuse(gallery)
        chosen = np.linspace(0, len(gallery.embeddings) - 1, min(len(gallery.embeddings), MOST_PHOTOS)).astype(np.intp)
        columns = np.searchsorted(faces.ids, gallery.person_ids[chosen])
        sums, counts = _sums(gallery, len(faces.ids))
        own, other = np.full(len(chosen), np.nan, np.float32), np.full(len(chosen), -1, np.float32)
        for start in range(0, len(chosen), BLOCK):
            block = slice(start, start + BLOCK)
            photos, column = gallery.embeddings[chosen[block]], columns[block]
            rest = sums[column] - photos
            norms = np.linalg.norm(rest, axis=1)
            with np.errstate(invalid="ignore", divide="ignore"):
                own[block] = np.where(counts[column] > 1, (rest * photos).sum(1) / norms, np.nan)
            scores = photos @ faces.vectors.T  # (B, P)
            scores[np.arange(len(photos)), column] = -1
            other[block] = scores.max(1)
        return cls(chosen, gallery.person_ids[chosen], own, other)

    def is_missed(self, threshold: float, margin: float) -> NDArray[np.bool_]:
        """Returns (N,) bool: of the photos that have others of the person, those that would not be named rightly."""
        known = ~np.isnan(self.own)
        missed: NDArray[np.bool_] = known & ~((self.own >= threshold) & (self.own - self.other >= margin))
        return missed

    def misses(self, threshold: float, margin: float) -> Share | None:
        """Returns the false-negative identification rate; None if nobody has several photos."""
        known = ~np.isnan(self.own)
        return _share(self.is_missed(threshold, margin)[known], self.person_ids[known])

    def false_names(self, threshold: float) -> Share | None:
        """Returns the share of photos that would be named after somebody else, were the person not enrolled."""
        return _share(self.other >= threshold, self.person_ids) if len(self.places) else None


def _sums(gallery: GallerySnapshot, people: int) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Returns (P, D) the sum of each person's templates, and (P,) how many there are."""
    _, first_rows, counts = np.unique(gallery.person_ids, return_index=True, return_counts=True)
    sums = np.add.reduceat(gallery.embeddings, first_rows) if people else gallery.embeddings
    return sums, counts


def _share(hits: NDArray[np.bool_], person_ids: NDArray[np.int64]) -> Share | None:
    if not len(hits):
        return None
    _, inverse, photos = np.unique(person_ids, return_inverse=True, return_counts=True)
    found = np.bincount(inverse, hits)
    drawn = np.random.default_rng(5).integers(0, len(photos), (ROUNDS, len(photos)))
    rates = found[drawn].sum(1) / photos[drawn].sum(1)
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(rates, [tail, 1 - tail])
    # Clopper and Pearson, 1934. Photos of one person are no independent evidence, so people count.
    bound = tail ** (1 / len(photos))
    low, high = bound if hits.all() else low, high if hits.any() else 1 - bound
    return Share(float(hits.mean()), float(low), float(high), len(hits))
