"""Whether a handful of faces is one person's: pure, and the same in whatever order they are given."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from daemon.store.stranger_records import Likeness

LEAST_SIDE = 2
"""Faces on either side before a doubt counts: one alone may be a look from an odd angle."""
ROUNDS = 4
"""Of moving faces to the nearer side; a handful settles in two."""

Sides = tuple[tuple[Likeness, ...], tuple[Likeness, ...]]


def halves(likenesses: Sequence[Likeness], limit: float) -> Sides | None:
    """Returns the two people that a handful of faces shows, None if it shows one.

    The two faces that differ most gather the others around them. These are two people if there are at least
    `LEAST_SIDE` on either side and the cosine of the two sides' means is below the limit.
    """
    ordered = sorted(likenesses, key=lambda one: (one.seen_at, one.id))
    if len(ordered) < 2 * LEAST_SIDE:
        return None
    faces = np.stack([one.embedding for one in ordered])
    cosines = faces @ faces.T
    seeds = np.unravel_index(int(cosines.argmin()), cosines.shape)
    means = faces[list(seeds)]
    for _ in range(ROUNDS):
        second = faces @ means[1] > faces @ means[0]
        if min(int(second.sum()), int((~second).sum())) < LEAST_SIDE:
            return None
        means = np.stack([_mean(faces[~second]), _mean(faces[second])])
    if float(means[0] @ means[1]) >= limit:
        return None
    sides = zip(ordered, second, strict=True)
    first: list[Likeness] = []
    other: list[Likeness] = []
    for one, is_second in sides:
        (other if is_second else first).append(one)
    return tuple(first), tuple(other)


def thinned(likenesses: Iterable[Likeness], most: int) -> tuple[Likeness, ...]:
    """Returns at most so many: of the two that resemble each other most, the worse one goes, and so on."""
    kept = sorted(likenesses, key=lambda one: (one.seen_at, one.id))
    while len(kept) > most:
        faces = np.stack([one.embedding for one in kept])
        cosines = faces @ faces.T
        np.fill_diagonal(cosines, -np.inf)
        twins = np.unravel_index(int(cosines.argmax()), cosines.shape)
        worse = min((int(place) for place in twins), key=lambda place: (kept[place].quality, kept[place].seen_at))
        del kept[worse]
    return tuple(kept)


def _mean(faces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns (D,) of L2 norm 1."""
    mean = faces.mean(axis=0)
    unit: NDArray[np.float32] = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return unit
