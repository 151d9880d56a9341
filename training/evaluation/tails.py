"""Fits how alike strangers look to an embedder, for the manifest: see engine/impostors.py."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from engine.impostors import ImpostorTail, ImpostorTails, LookTails
from engine.weighting import weight_in_mean
from training.evaluation.fairness import Embed, stranger_pairs
from training.evaluation.walks import walk
from training.faces import load_faces, load_groups, split
from training.teachers import load_known

SHARE = 0.02
"""Of the comparisons that make the tail: about 1,500 of 77,000 within groups, 21,000 of a million at large. With 1 % or
5 % the cosine for 1 in 100,000 is the same within 0.01, at large within 0.015."""
LOOKS = 8
SEED = 17


def fit_tail(scores: NDArray[np.float32], share: float = SHARE) -> ImpostorTail:
    """Returns the generalised Pareto tail of most likelihood.

    Args:
        scores: (N,) cosines of strangers.
        share: how many of them belong to the tail.
    """
    above = float(np.quantile(scores, 1 - share))
    shape, _, scale = stats.genpareto.fit(scores[scores > above].astype(np.float64) - above, floc=0)
    rounded = (round(float(value), 4) for value in (above, scale, shape))
    return ImpostorTail(**dict(zip(("above", "scale", "shape"), rounded, strict=True)), share=share)


def fit_tails(embed: Embed) -> ImpostorTails:
    """Compares the FairFace faces on which nothing was trained, each within its group and with all; takes a minute."""
    faces = load_faces()
    held_out = split(len(faces))[1]
    crops = np.stack([faces[i] for i in held_out])
    groups, known = load_groups()[held_out], load_known()[held_out]
    photos = embed(crops)
    tracks = np.stack([fused_walk(embed, [crop], (SEED, i)) for i, crop in enumerate(crops)])
    alike, anybody = stranger_pairs(groups, known), stranger_pairs(np.zeros_like(groups), known)
    return ImpostorTails(
        **dict(look_tails(photos, tracks, alike)),
        tracks=fit_tail((tracks @ tracks.T)[np.triu(alike)]),
        anybody=look_tails(photos, tracks, anybody),
    )


def look_tails(photos: NDArray[np.float32], tracks: NDArray[np.float32], pairs: NDArray[np.bool_]) -> LookTails:
    """Returns the tails of those pairs of people.

    Args:
        photos: (N, D) of everybody.
        tracks: (N, D) of everybody's fused looks.
        pairs: (N, N) see `stranger_pairs`.
    """
    once = np.triu(pairs)  # photo with photo is the same the other way round
    return LookTails(track=fit_tail((photos @ tracks.T)[pairs]), photos=fit_tail((photos @ photos.T)[once]))


def fused_walk(embed: Embed, pictures: list[NDArray[np.uint8]], seed: tuple[int, ...]) -> NDArray[np.float32]:
    """Returns (D,) float32, L2 norm 1: what the daemon makes of somebody who walks towards a camera."""
    seen = walk(pictures, np.random.default_rng(seed), LOOKS)
    weights = np.array([weight_in_mean(quality) for quality in seen.quality().values.tolist()])
    mean = weights @ embed(seen.crops)
    fused: NDArray[np.float32] = (mean / np.linalg.norm(mean)).astype(np.float32)
    return fused
