"""Who is it, if anybody? Open-set identification against a gallery, as the daemon does it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.intervals import Figure, bootstrap_share


@dataclass(frozen=True, slots=True)
class Identification:
    """What an open-set test gave; shares in percent."""

    fnir_at_fpir_1e_2: Figure
    """Enrolled people who are not named, or named wrongly, where 1 in 100 strangers gets a name; the interval is over
    people, not over pictures."""
    gallery: int
    """People enrolled, one picture each."""
    probes: int
    """Other pictures of them."""
    strangers: int
    """Pictures of people who are not enrolled."""


def identify(
    gallery_side: NDArray[np.float32], probe_side: NDArray[np.float32], people: NDArray[np.str_], fpir: float = 1e-2
) -> Identification:
    """Enrols one picture of everybody who has several, and looks for everybody else.

    Args:
        gallery_side: (N, D) float32, L2 norm 1: embeddings of the pictures as they are enrolled.
        probe_side: (N, D): of the same pictures as a camera delivers them; may be the same array.
        people: (N,), who is on each picture.
        fpir: share of strangers who get a name.
    """
    _names, first, person, counts = np.unique(people, return_index=True, return_inverse=True, return_counts=True)
    enrolled = np.flatnonzero(counts > 1)
    known = counts[person] > 1
    probes = np.setdiff1d(np.flatnonzero(known), first[enrolled])
    strangers = np.flatnonzero(~known)
    gallery = gallery_side[first[enrolled]]
    probe_scores, stranger_scores = probe_side[probes] @ gallery.T, probe_side[strangers] @ gallery.T
    right = enrolled[probe_scores.argmax(1)] == person[probes]
    best = probe_scores.max(1)
    false = stranger_scores.max(1)

    def missed(mated: NDArray[np.intp], others: NDArray[np.intp]) -> float:
        threshold = np.quantile(false[others], 1 - fpir)
        return float(1 - (right[mated] & (best[mated] > threshold)).mean())

    figure = bootstrap_share(missed, person[probes], person[strangers])
    return Identification(figure, len(enrolled), len(probes), len(strangers))
