"""The people as the matcher knows them: an immutable picture of the store at one revision."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from daemon.store import GallerySnapshot, Store

logger = logging.getLogger(__name__)

NOBODY = -1.0
"""Score of a runner-up that does not exist: the least that a cosine can be."""


@dataclass(frozen=True, slots=True)
class KnownPerson:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Match:
    """How a probe compares with the people."""

    person: KnownPerson
    """The best one."""
    score: float
    """Cosine of the best one's best template."""
    runner_up_score: float
    """The same of the second best person; `NOBODY` if there is none."""
    incumbent_score: float | None
    """The same of the person that was asked about; None if nobody was, or who it was has no template."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """The templates of one model, sorted by person."""

    revision: int
    model_digest: str
    people: tuple[KnownPerson, ...]
    """Those with a template, in the order of their first rows."""
    places: Mapping[int, int]
    """Where in `people` each id is."""
    first_rows: NDArray[np.intp]
    """(P,) where each person's templates begin."""
    embeddings: NDArray[np.float32]
    """(N, D) float32, L2 norm 1."""

    @classmethod
    def load(cls, store: Store, model_digest: str) -> Self:
        """Returns the gallery of a model; templates of other models are left out, with a warning.

        Raises:
            StoreError: the store cannot be read.
        """
        snapshot = store.people.gallery(model_digest)
        ids, first_rows = np.unique(snapshot.person_ids, return_index=True)
        _warn_of_people_without_template(snapshot, len(ids), model_digest)
        return cls(
            revision=snapshot.revision,
            model_digest=model_digest,
            people=tuple(KnownPerson(int(id), snapshot.people[int(id)]) for id in ids),
            places={int(id): place for place, id in enumerate(ids)},
            first_rows=first_rows,
            embeddings=snapshot.embeddings,
        )

    def find(self, person_id: int) -> KnownPerson | None:
        """Returns the person under the name of today, None if the person has no template here."""
        place = self.places.get(person_id)
        return None if place is None else self.people[place]

    def differs(self, other: "Gallery", person_id: int) -> bool:
        """Whether a person whom both know has another name or other templates here."""
        return self.find(person_id) != other.find(person_id) or not np.array_equal(
            self._templates(person_id), other._templates(person_id)
        )

    def _templates(self, person_id: int) -> NDArray[np.float32]:
        """Returns (T, D) float32."""
        following = self.places[person_id] + 1
        end = self.first_rows[following] if following < len(self.people) else len(self.embeddings)
        return self.embeddings[self.first_rows[following - 1] : end]

    @property
    def dimension(self) -> int | None:
        """Length of an embedding, None if nobody is known."""
        return self.embeddings.shape[1] if self.people else None

    def match(self, embedding: NDArray[np.float32], incumbent: KnownPerson | None = None) -> Match | None:
        """Returns the best person for a probe, None if nobody is known.

        Args:
            embedding: (D,) float32, L2 norm 1, of this gallery's model.
            incumbent: whose score is wanted too.
        """
        if not self.people:
            return None
        scores = np.maximum.reduceat(self.embeddings @ embedding, self.first_rows)  # (P,)
        best = int(scores.argmax())
        others = np.delete(scores, best)
        place = self.places.get(incumbent.id) if incumbent else None
        return Match(
            person=self.people[best],
            score=float(scores[best]),
            runner_up_score=float(others.max()) if len(others) else NOBODY,
            incumbent_score=None if place is None else float(scores[place]),
        )


def _warn_of_people_without_template(snapshot: GallerySnapshot, matched: int, model_digest: str) -> None:
    missing = len(snapshot.people) - matched
    if missing:
        logger.warning(
            "gallery_incomplete people=%d without_template=%d model=%s fix='%s'",
            *(len(snapshot.people), missing, model_digest[:12]),
            "the embedder changed: run `deconvid people reembed`",
        )
