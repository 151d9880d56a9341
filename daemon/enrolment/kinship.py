"""How new templates compare with those of the same person and of others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daemon.store import GallerySnapshot
from daemon.store.names import name_key

SAME_PICTURE = 0.999
"""Cosine from which two templates come from the same picture, saved twice."""
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Kin:
    """What is like a new template among those before it."""

    own_score: float | None
    """Cosine of the same person's best template; None if there is none."""
    other: str | None
    """The other person who is most alike; None if there is nobody else."""
    other_score: float
    others: int
    """How many templates of others it was compared with."""

    @property
    def is_same_picture(self) -> bool:
        return self.own_score is not None and self.own_score > SAME_PICTURE


class Kinship:
    """Everybody's templates of one model; the snapshot is read once, for it may be large, and new ones are added."""

    def __init__(self, gallery: GallerySnapshot) -> None:
        self._rows = gallery.embeddings
        self._count = len(gallery.embeddings)
        self._names: list[str] = []
        self._places: dict[str, int] = {}
        places = {person_id: self._place(name) for person_id, name in gallery.people.items()}
        self._owners = np.array([places[int(person_id)] for person_id in gallery.person_ids], np.int64)

    def admit(self, names: Sequence[str], embeddings: NDArray[np.float32]) -> list[Kin]:
        """Compares each template with all before it, and takes it in unless it comes from the same picture as one.

        Args:
            names: whose each is.
            embeddings: (B, D) float32, L2 norm 1.
        """
        start = self._append(names, embeddings)
        scores = self._rows[: self._count] @ embeddings.T  # (N, B)
        kin = []
        for column, row in enumerate(range(start, self._count)):
            found = self._compare(int(self._owners[row]), scores[:row, column])
            if found.is_same_picture:
                self._owners[row] = NOBODY
            kin.append(found)
        return kin

    def _compare(self, owner: int, scores: NDArray[np.float32]) -> Kin:
        owners = self._owners[: len(scores)]
        own, others = scores[owners == owner], np.flatnonzero((owners != owner) & (owners != NOBODY))
        nearest = others[scores[others].argmax()] if len(others) else None
        return Kin(
            own_score=float(own.max()) if len(own) else None,
            other=None if nearest is None else self._names[owners[nearest]],
            other_score=-1.0 if nearest is None else float(scores[nearest]),
            others=len(others),
        )

    def _append(self, names: Sequence[str], embeddings: NDArray[np.float32]) -> int:
        """Returns the first row of the new ones. Room is doubled, so that adding one by one stays linear."""
        start, self._count = self._count, self._count + len(embeddings)
        if self._count > len(self._rows):
            rows = np.empty((max(self._count, 2 * len(self._rows)), embeddings.shape[1]), np.float32)
            rows[:start] = self._rows[:start].reshape(start, embeddings.shape[1])
            owners = np.full(len(rows), NOBODY, np.int64)
            owners[:start] = self._owners[:start]
            self._rows, self._owners = rows, owners
        self._rows[start : self._count] = embeddings
        self._owners[start : self._count] = [self._place(name) for name in names]
        return start

    def _place(self, name: str) -> int:
        key = name_key(name)
        if key not in self._places:
            self._places[key] = len(self._names)
            self._names.append(name)
        return self._places[key]
