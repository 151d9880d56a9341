"""Tracks of people and strangers on Labeled Faces in the Wild, embedded as the daemon would."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.fairness import Embed
from training.evaluation.walks import walk

LOOKS = 8
LEAST_QUALITY = 0.25
"""Default of `tracking.least_quality`: worse looks are not embedded."""
AT_ONCE = 64
"""Tracks whose crops are in memory."""


@dataclass(frozen=True, slots=True)
class Tracks:
    embeddings: NDArray[np.float32]
    """(T, L, D), L2 norm 1."""
    qualities: NDArray[np.float32]
    """(T, L); 0: too bad to be embedded."""
    people: NDArray[np.intp]
    """(T,) whose track it is."""

    def __len__(self) -> int:
        return len(self.people)

    def __add__(self, other: "Tracks") -> "Tracks":
        pairs = zip(self._columns(), other._columns(), strict=True)
        return Tracks(*(np.concatenate(pair) for pair in pairs))

    def _columns(self) -> tuple[NDArray[Any], ...]:
        return self.embeddings, self.qualities, self.people

    def __getitem__(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> "Tracks":
        return Tracks(self.embeddings[chosen], self.qualities[chosen], self.people[chosen])


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is on which picture: the first picture of everybody who has several is there to be enrolled."""

    person: NDArray[np.intp]
    """(N,) of each picture."""
    enrollable: NDArray[np.intp]
    """People with several pictures."""
    photos: NDArray[np.intp]
    """(P,) the first picture of each person."""

    @classmethod
    def of(cls, names: NDArray[np.str_]) -> "Cast":
        _, photos, person, counts = np.unique(names, return_index=True, return_inverse=True, return_counts=True)
        return cls(person, np.flatnonzero(counts > 1), photos)

    def strangers(self) -> list[list[int]]:
        """Returns a track for everybody who is never enrolled."""
        return [[picture] for picture in np.delete(self.photos, self.enrollable).tolist()]

    def one_picture_each(self) -> list[list[int]]:
        """Returns a track for every further picture of those who may be enrolled."""
        first = set(self.photos.tolist())
        return [[picture] for picture in range(len(self.person)) if picture not in first]

    def several_pictures_each(self) -> list[list[int]]:
        """Returns as many tracks; each shows all further pictures of its person."""
        others: dict[int, list[int]] = {}
        for [picture] in self.one_picture_each():
            others.setdefault(int(self.person[picture]), []).append(picture)
        return [others[int(self.person[picture])] for [picture] in self.one_picture_each()]


def embed_tracks(
    embed: Embed, crops: NDArray[np.uint8], shown: Sequence[Sequence[int]], people: NDArray[np.intp], seed: int
) -> Tracks:
    """Returns the tracks that show these pictures, without those of which no look is good enough.

    Args:
        crops: (N, 112, 112, 3) uint8 BGR, aligned.
        shown: the pictures of each track.
        people: (N,) who is on each picture.
        seed: of everything that chance decides.
    """
    parts = []
    for start in range(0, len(shown), AT_ONCE):
        walks = [
            walk([crops[picture] for picture in pictures], np.random.default_rng((seed, start + i)), LOOKS)
            for i, pictures in enumerate(shown[start : start + AT_ONCE])
        ]
        embeddings = embed(np.concatenate([each.crops for each in walks]))
        qualities = np.stack([each.quality().values for each in walks])
        parts.append((embeddings.reshape(len(walks), LOOKS, -1), qualities))
    qualities = np.concatenate([quality for _, quality in parts])
    qualities[qualities < LEAST_QUALITY] = 0
    whose = people[[pictures[0] for pictures in shown]]
    tracks = Tracks(np.concatenate([embedding for embedding, _ in parts]), qualities, whose)
    return tracks[qualities.max(axis=1) > 0]
