"""Everybody's templates to one vector a person: their mean, normalised."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daemon.store import GallerySnapshot


@dataclass(frozen=True, slots=True)
class Faces:
    """Of the people who have a template, in the order of their ids."""

    ids: list[int]
    vectors: NDArray[np.float32]
    """(P, D) float32, L2 norm 1."""
    photos: list[int]
    """How many templates each person has."""
    samples: NDArray[np.float32]
    """(P, D): the oldest template of each."""


def fuse(snapshot: GallerySnapshot) -> Faces:
    ids, first_rows, photos = np.unique(snapshot.person_ids, return_index=True, return_counts=True)
    if not len(ids):
        return Faces([], snapshot.embeddings, [], snapshot.embeddings)
    sums = np.add.reduceat(snapshot.embeddings, first_rows)
    # Opposite templates have no mean direction: their sum stays what it is, and resembles nobody.
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    vectors = (sums / np.where(norms > 0, norms, 1)).astype(np.float32)
    return Faces(ids.tolist(), vectors, photos.tolist(), snapshot.embeddings[first_rows])
