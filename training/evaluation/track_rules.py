"""Ways to make one decision of a track's looks, as open-set scores: who it would be, and up to which threshold."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.weighting import weight_in_mean

Scores = NDArray[np.float32]
Named = tuple[NDArray[np.intp], Scores]
"""(T,) place in the gallery of whom each track would be named after, and (T,) the highest threshold at which it is."""
Rule = Callable[[Scores, Scores, Scores], Named]
"""Args: embeddings (T, L, D) of L2 norm 1, qualities (T, L), gallery (P, D). A look of quality 0 was not embedded."""


def best_look(embeddings: Scores, qualities: Scores, gallery: Scores) -> Named:
    """The look of the best quality decides alone."""
    best = embeddings[np.arange(len(embeddings)), qualities.argmax(1)]
    return nearest(best, gallery)


def best_match(embeddings: Scores, qualities: Scores, gallery: Scores) -> Named:
    """The look that resembles somebody most decides alone."""
    scores = embeddings @ gallery.T
    scores[qualities == 0] = -1
    best = scores.max(axis=1)
    return best.argmax(1), best.max(1)


def votes(enough: Callable[[NDArray[np.intp]], NDArray[np.intp]]) -> Rule:
    """Every look above the threshold votes for whom it resembles most; enough votes for one person decide.

    Args:
        enough: how many votes that is, of the number of looks.
    """

    def rule(embeddings: Scores, qualities: Scores, gallery: Scores) -> Named:
        scores = embeddings @ gallery.T
        choices, best = scores.argmax(2), scores.max(2)
        needed = enough((qualities > 0).sum(1))
        winners, reached = np.zeros(len(scores), np.intp), np.full(len(scores), -1, np.float32)
        for track, seen in enumerate(qualities > 0):
            names, counts = np.unique(choices[track, seen], return_counts=True)
            winners[track] = names[counts.argmax()]
            theirs = np.sort(best[track, seen & (choices[track] == winners[track])])[::-1]
            if len(theirs) >= needed[track]:
                reached[track] = theirs[needed[track] - 1]
        return winners, reached

    return rule


def mean(exponent: float) -> Rule:
    """The mean of the looks decides, each with the weight quality^exponent."""

    def rule(embeddings: Scores, qualities: Scores, gallery: Scores) -> Named:
        weights = np.where(qualities > 0, qualities**exponent, 0)
        return nearest(fuse(embeddings, weights), gallery)

    return rule


def as_shipped(embeddings: Scores, qualities: Scores, gallery: Scores) -> Named:
    """The mean with the weights of the daemon, without its fading."""
    return nearest(fuse(embeddings, np.vectorize(weight_in_mean, otypes=[np.float32])(qualities)), gallery)


RULES: dict[str, Rule] = {
    "best look": best_look,
    "best match of any look": best_match,
    "two votes": votes(lambda looks: np.minimum(looks, 2)),
    "majority vote": votes(lambda looks: looks // 2 + 1),
    "plain mean": mean(0),
    "mean weighted by quality": mean(1),
    "mean weighted as shipped": as_shipped,
}


def fuse(embeddings: Scores, weights: Scores) -> Scores:
    """Returns (T, D) float32, L2 norm 1."""
    sums = (embeddings * weights[..., None]).sum(1)
    unit: Scores = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
    return unit


def nearest(probes: Scores, gallery: Scores) -> Named:
    scores = probes @ gallery.T
    return scores.argmax(1), scores.max(1)
