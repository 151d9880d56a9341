"""The threshold that keeps the tolerated rate of strangers who are given a name. Pure: no clock, no store.

A stranger's track is compared with N photos. If one comparison in 1 / FMR(t) exceeds the threshold t by chance, the
stranger is named with a probability of at most 1 - (1 - FMR(t))^N: the false-positive identification rate (ISO/IEC
19795-1). The model's manifest knows FMR (`engine.impostors`); N is the gallery's; the operator sets the rate.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daemon.identity.gallery import Gallery
from engine.impostors import ImpostorTail, ImpostorTails

WATCHED_RATE = 1e-3
"""Rate of alike strangers at which a gallery is compared with the model's strangers."""
BELIEF = 10.0
"""How many alike pairs the model's strangers count for against the gallery's own: it takes about 140 people to weigh
as much."""
MOST_COMPARED = 2048
"""People whose photos are compared with each other; of more, so many evenly spread."""


@dataclass(frozen=True, slots=True)
class Calibration:
    fpir: float
    """Tolerated share of strangers' tracks that are given a name."""
    threshold: float
    """Cosine that keeps it."""
    photos: int
    """In the gallery: each is a chance to be taken for somebody."""
    alikeness: float
    """How many times as often two people of the gallery look alike as two strangers of one race and gender do."""


def calibrate(gallery: Gallery, tails: ImpostorTails, fpir: float) -> Calibration:
    """Returns the calibration of a gallery; the same gallery gives the same one."""
    photos = gallery.photos
    likeness = alikeness(gallery.sample, tails.photos) if photos else 1.0
    return Calibration(fpir, threshold(fpir, photos, tails.track, likeness), photos, likeness)


def threshold(fpir: float, photos: int, tail: ImpostorTail, alikeness: float = 1.0) -> float:
    """Returns the cosine at which this share of strangers' tracks is given a name.

    Args:
        fpir: 0..1, both excluded.
        photos: how many a track is compared with; 0 counts as 1.
        tail: of a model's strangers.
        alikeness: see Calibration.
    """
    per_comparison = -math.expm1(math.log1p(-fpir) / max(photos, 1))
    return tail.cosine(per_comparison / alikeness)


def false_positive_rate(cosine: float, photos: int, tail: ImpostorTail, alikeness: float = 1.0) -> float:
    """Returns what `threshold` was asked for: the share of strangers' tracks that are given a name at a cosine."""
    return -math.expm1(photos * math.log1p(-min(tail.rate(cosine) * alikeness, 1 - 1e-12)))


def alikeness(photos: NDArray[np.float32], tail: ImpostorTail) -> float:
    """Returns how many times as often people look alike as a model's strangers do: from 0, 1 for a small gallery.

    The pairs beyond a cosine are counted that one in a thousand pairs of strangers exceeds, and shrunk towards the
    model's rate (the mean of a Gamma prior's posterior), so that few people change little.

    Args:
        photos: (P, D) float32, L2 norm 1: one photo of each person.
        tail: of two photos of strangers.
    """
    if len(photos) > MOST_COMPARED:
        photos = photos[np.linspace(0, len(photos) - 1, MOST_COMPARED).astype(np.intp)]
    scores = photos @ photos.T
    alike = int((scores[np.triu_indices(len(photos), 1)] > tail.cosine(WATCHED_RATE)).sum())
    expected = len(photos) * (len(photos) - 1) / 2 * WATCHED_RATE
    return (alike + BELIEF) / (expected + BELIEF)
