"""How often two strangers are taken for one person, by the groups that FairFace's annotators saw."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.degrade import DegradationRanges, degrade
from training.evaluation.intervals import Figure, binomial_at_ends

Embed = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""(N, 112, 112, 3) uint8 BGR crops to (N, D) float32 embeddings of L2 norm 1."""

PROBABLY_ONE_PERSON = 0.7
"""Cosine of the teachers' fused embeddings; they exceed it for about 1 in 50,000 pairs of FairFace pictures."""


@dataclass(frozen=True, slots=True)
class Strangers:
    """Scores of comparisons of strangers of one group: a clean gallery against degraded probes."""

    scores: NDArray[np.float32]
    """(N, N)."""
    pairs: NDArray[np.bool_]
    """(N, N), which of them count."""
    groups: NDArray[np.str_]
    """(N,) race and gender of each face."""

    def threshold(self, false_match_rate: float) -> float:
        """Returns the cosine that this share of the comparisons exceeds."""
        return float(np.quantile(self.scores[self.pairs], 1 - false_match_rate))

    def rates(self, threshold: float) -> dict[str, Figure]:
        """Returns each group's false match rate in percent; the interval is over faces, not over comparisons."""
        rates = {}
        for group in np.unique(self.groups):
            inside = np.flatnonzero(self.groups == group)
            pairs = self.pairs[np.ix_(inside, inside)]
            matches = (self.scores[np.ix_(inside, inside)] > threshold) & pairs
            rates[str(group)] = _over_faces(matches, pairs)
        return rates


def _over_faces(matches: NDArray[np.bool_], pairs: NDArray[np.bool_], rounds: int = 400) -> Figure:
    rng = np.random.default_rng(5)

    def rate(drawn: NDArray[np.intp]) -> float:
        weights = np.bincount(drawn, minlength=len(pairs)).astype(float)
        return float(weights @ matches @ weights / max(weights @ pairs @ weights, 1))

    everyone = np.arange(len(pairs))
    drawn = [rate(rng.choice(everyone, len(everyone))) for _ in range(rounds)]
    low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
    # So many comparisons have no face in common. To count more would promise too much: of faces that match everybody's
    # there may be some, and none of them drawn.
    ends = binomial_at_ends(rate(everyone), low, high, len(everyone) / 2)
    return Figure(*(round(100 * float(v), 4) for v in (rate(everyone), *ends)))


def compare_strangers(
    embed: Embed, faces: NDArray[np.uint8], groups: NDArray[np.str_], known: NDArray[np.float32]
) -> Strangers:
    """Compares strangers of the same race and gender.

    Strangers of one group are harder to tell apart than strangers at large, and they are the ones who meet. The gallery
    is clean and the probe degraded, as with enrolment photos and cameras.

    Args:
        embed: the embedder.
        faces: (N, 112, 112, 3) uint8 BGR crops, none of them trained on.
        groups: (N,) race and gender of each.
        known: (N, D) float32, L2 norm 1: a better embedder's opinion of them. FairFace has some people twice; pairs
            that it finds alike are left out.
    """
    rng, ranges = np.random.default_rng(11), DegradationRanges(smallest_face_px=20)
    scores = embed(faces) @ embed(np.stack([degrade(face, rng, ranges) for face in faces])).T
    return Strangers(scores, stranger_pairs(groups, known), groups)


def stranger_pairs(groups: NDArray[np.str_], known: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Returns (N, N) bool: of the same group, and neither the same picture nor probably the same person."""
    pairs: NDArray[np.bool_] = (groups[:, None] == groups) & (known @ known.T < PROBABLY_ONE_PERSON)
    np.fill_diagonal(pairs, False)
    return pairs
