"""How much a look should count by its quality: fitted on FairFace, on which the network was trained, never on LFW."""

import numpy as np

from engine.embedder import LARGEST_BATCH
from training.evaluation.fairness import Embed
from training.evaluation.track_rules import fuse
from training.evaluation.tracks import embed_tracks
from training.faces import load_faces, split

EXPONENTS = (0, 1, 2, 3, 4, 5, 6, 8, 12)
FACES = 1000


def fidelity_by_exponent(embed: Embed, faces: int = FACES) -> dict[str, float]:
    """Returns the mean cosine between a face's fused looks and its clean picture, for each exponent of the quality.

    It rises up to an exponent of about 6 and is flat from there. FairFace has one picture of everybody, so that it does
    not show how pose and expression differ from look to look, against which many looks help: the exponent that ships is
    4, at which most is gained and several looks still count.
    """
    indices = split(len(load_faces()))[0][:faces]
    crops = np.stack([load_faces()[i] for i in indices])
    tracks = embed_tracks(embed, crops, [[i] for i in range(faces)], np.arange(faces), seed=29)
    clean = np.concatenate([embed(crops[start : start + LARGEST_BATCH]) for start in range(0, faces, LARGEST_BATCH)])
    return {
        str(exponent): _fidelity(fuse(tracks.embeddings, _weights(tracks.qualities, exponent)), clean[tracks.people])
        for exponent in EXPONENTS
    }


def _weights(qualities: np.ndarray, exponent: int) -> np.ndarray:
    return np.where(qualities > 0, qualities**exponent, 0).astype(np.float32)


def _fidelity(fused: np.ndarray, clean: np.ndarray) -> float:
    return round(float((fused * clean).sum(1).mean()), 4)
