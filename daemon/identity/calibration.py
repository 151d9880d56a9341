"""The threshold that keeps the tolerated rate of strangers who are given a name. Pure: no clock, no store.

A stranger's track is compared with N photos. If one comparison in 1 / FMR(t) exceeds the threshold t by chance, the
stranger is named with a probability of at most 1 - (1 - FMR(t))^N: the false-positive identification rate (ISO/IEC
19795-1). The model's manifest knows FMR (`engine.impostors`), N is the gallery's, the operator sets the rate.
"""

import math
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from engine.impostors import ImpostorTail, ImpostorTails, Strangers

WATCHED_FPIR = 0.2
"""Two people are alike who reach the cosine at which this share of the model's strangers would be named. So the level
rises with the gallery, and stays as far below the one that is sought as can be counted: N people expect N / 10 such
pairs. At a fixed level, galleries of a hundred had nothing to count, and the tail further up was another one."""
BELIEF = 2.5
"""How many alike pairs the model's strangers count for against the gallery's own: about 25 people weigh as much. It is
the shape of the Gamma distribution that has the spread of alikeness among FairFace's 14 groups of one race and gender
(standard deviation 0.6 to 0.7 of the mean, 1): a group is what a gallery may be of whom nothing is known yet."""
SURE = 1.2816
"""Standard normal deviate of a one-sided bound that holds in nine cases of ten."""


@dataclass(frozen=True, slots=True)
class Calibration:
    fpir: float
    """Tolerated share of strangers' tracks that are given a name."""
    threshold: float
    """Cosine that keeps it."""
    photos: int
    """In the gallery: each is a chance to be taken for somebody. A person's photos are fused, and who has three of them
    is resembled about 2.4 times as often as who has one (docs/search.md)."""
    alikeness: float
    """See `alikeness`."""
    strangers_are: Strangers
    """For whom the rate is kept."""


def calibrate(
    photos: int, sample: NDArray[np.float32], tails: ImpostorTails, fpir: float, strangers_are: Strangers = "alike"
) -> Calibration:
    """Returns the calibration of a gallery.

    What is kept for strangers who are alike is kept for people at large, so their threshold is never the higher one,
    though far up the fitted tails may cross; and it is all there is where the model does not know people at large.
    For these nothing is to spare: what the gallery says lowers their threshold only as far as it is sure.

    Args:
        photos: in the gallery.
        sample: (P, D) float32, L2 norm 1: a photo of each, or of many of them.
        tails: of the gallery's model.
        fpir: 0..1, both excluded.
        strangers_are: who they are that come by.
    """

    def kept_for(strangers: Strangers) -> Calibration:
        chosen = tails.of(strangers)
        likeness = alikeness(sample, chosen.photos, cautious=strangers == "anybody")
        return Calibration(fpir, threshold(fpir, photos, chosen.track, likeness), photos, likeness, strangers)

    alike = kept_for("alike")
    if strangers_are == "alike" or tails.anybody is None:
        return alike
    return min(kept_for("anybody"), alike, key=attrgetter("threshold"))


def threshold(fpir: float, photos: int, tail: ImpostorTail, alikeness: float = 1.0) -> float:
    """Returns the cosine at which this share of strangers' tracks is given a name.

    Args:
        fpir: 0..1, both excluded.
        photos: with which a track is compared; 0 counts as 1.
        tail: of a model's strangers.
        alikeness: see `alikeness`.
    """
    per_comparison = -math.expm1(math.log1p(-fpir) / max(photos, 1))
    return tail.cosine(per_comparison / alikeness)


def false_positive_rate(cosine: float, photos: int, tail: ImpostorTail, alikeness: float = 1.0) -> float:
    """Returns what `threshold` was asked for: the share of strangers' tracks that are given a name at a cosine.

    Below the tail, where `threshold` ends, the rate is underestimated.
    """
    per_comparison = min(tail.rate(cosine) * alikeness, 1.0)
    return 1.0 if per_comparison == 1 else -math.expm1(photos * math.log1p(-per_comparison))


def alikeness(sample: NDArray[np.float32], tail: ImpostorTail, cautious: bool = False) -> float:
    """Returns how many times as often these people look alike as two of the model's strangers do.

    Alike pairs are counted, and the count is shrunk towards what the model's strangers let expect (the mean of the
    posterior of a rate with a Gamma prior), so that a few people change little: 1 for one person or none. As the
    evidence grows with the people and not with their pairs, who are no independent comparisons, it never takes back
    more than further people cost: of one population, the larger gallery has the higher threshold.

    Args:
        sample: (P, D) float32, L2 norm 1: one photo of each person.
        tail: of two photos of strangers.
        cautious: below 1, the upper bound of the rate in the place of its mean, and at most 1.
    """
    people = len(sample)
    if people < 2:
        return 1.0
    watched = min(WATCHED_FPIR / people, tail.share)
    scores = (sample @ sample.T)[np.triu_indices(people, 1)]
    alike, expected = int((scores > tail.cosine(watched)).sum()) + BELIEF, len(scores) * watched + BELIEF
    if cautious and alike < expected:
        return min(1.0, _upper_bound(alike) / expected)
    return alike / expected


def _upper_bound(shape: float) -> float:
    """Of a Gamma distribution of scale 1 (Wilson and Hilferty, 1931)."""
    return float(shape * (1 - 1 / (9 * shape) + SURE / (3 * math.sqrt(shape))) ** 3)
