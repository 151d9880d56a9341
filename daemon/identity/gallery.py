"""The people as the matcher knows them: everybody's face in memory, as of one revision of the store.

A person is one vector: the mean of the templates, normalised. docs/search.md has the experiment behind that.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from daemon.identity.faces import Faces, fuse
from daemon.identity.refiner import Refiner
from daemon.identity.search import Precision, VectorTable
from daemon.store import GalleryNews, Store

logger = logging.getLogger(__name__)

NOBODY = -1.0
"""Score of a runner-up that does not exist: the least that a cosine can be."""
MANY = 200_000
"""People from which on memory is saved: their faces take 8 bits a number, and the best ones are read again."""
READ_AT_ONCE = 4096
"""People whose templates are opened together: it bounds the memory that a change takes."""
MOST_REFINED = 256
"""People who are read again for one probe; there are a handful, unless the gallery is full of doubles."""
MOST_SAMPLED = 2048
LAST_PLACE = 2**64 - 1


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
    """Cosine with the best one's templates, fused."""
    runner_up_score: float
    """The same of the second best person; `NOBODY` if there is none."""
    incumbent_score: float | None
    """The same of the person that was asked about; None if nobody was, or who it was has no template."""


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    photos: int
    """Templates."""


class Gallery:
    """Everybody who has a template of one model."""

    def __init__(self, store: Store, model_digest: str, precision: Precision) -> None:
        """Empty; see `load`."""
        self._store, self._precision = store, precision
        self._table: VectorTable | None = None
        """None until somebody was known."""
        self._entries: dict[int, _Entry] = {}
        self._samples: dict[int, NDArray[np.float32]] = {}
        """Of everybody whose place is not beyond `_last_place`."""
        self._last_place = LAST_PLACE
        self._refiner = Refiner(store, model_digest)
        self.model_digest = model_digest
        self.revision = 0
        """Of the store, up to which every change is in here."""
        self.changed: dict[int, bool] = {}
        """Who changed since the caller last emptied this, and whether the person was known before."""

    @classmethod
    def load(cls, store: Store, model_digest: str, precision: Precision | None = None) -> Self:
        """Returns the gallery of a model; templates of other models are left out, with a warning.

        Args:
            store: is read by `follow`, and by `match` where faces are kept in 8 bits.
            model_digest: of the embedder.
            precision: in which faces are kept; None: as suits their number.

        Raises:
            StoreError: the store cannot be read.
        """
        everybody = store.people.changed()
        gallery = cls(store, model_digest, precision or ("int8" if len(everybody.people) > MANY else "fp16"))
        gallery._take_over(everybody)
        gallery.changed.clear()
        return gallery

    def follow(self) -> None:
        """Takes over who changed in the store since the last time.

        Raises:
            StoreError: the store cannot be read; the next call takes over the rest.
        """
        news = self._store.people.changed(self.revision)
        if news.revision < self.revision:  # an older copy of the database is in its place
            everybody = self._store.people.changed()
            news = GalleryNews(everybody.revision, [*self._entries.keys() | everybody.people])
        self._take_over(news)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, person_id: int) -> bool:
        return person_id in self._entries

    @property
    def ids(self) -> Collection[int]:
        return self._entries.keys()

    @property
    def dimension(self) -> int | None:
        """Length of an embedding, None if nobody was ever known."""
        return self._table.dimension if self._table is not None else None

    @property
    def photos(self) -> int:
        """How many templates everybody has together.

        A stranger exceeds a high cosine with a person of n templates up to about n times as often as with one template:
        this is the number of chances to be taken for somebody (docs/search.md).
        """
        return sum(entry.photos for entry in self._entries.values())

    @property
    def sample(self) -> NDArray[np.float32]:
        """One template of each person, of 2048 people if there are more: (P, D) float32, (0, 0) if there is nobody.

        Whose these are depends on who is known alone, and not on the order in which they came.
        """
        if not self._samples:
            return np.empty((0, 0), np.float32)
        return np.stack([self._samples[id] for id in sorted(self._samples)])

    def find(self, person_id: int) -> KnownPerson | None:
        """Returns the person under the name of today, None if the person has no template here."""
        entry = self._entries.get(person_id)
        return None if entry is None else KnownPerson(person_id, entry.name)

    def match(self, embedding: NDArray[np.float32], incumbent: KnownPerson | None = None) -> Match | None:
        """Returns the best person for a probe, None if nobody is known.

        Args:
            embedding: (D,) float32, L2 norm 1, of this gallery's model.
            incumbent: whose score is wanted too.
        """
        if self._table is None:
            return None
        [near] = self._table.nearest(embedding[None], 2)
        scores = dict(zip(near.ids[:MOST_REFINED].tolist(), near.scores.tolist(), strict=False))
        if incumbent and incumbent.id in self and incumbent.id not in scores:
            scores[incumbent.id] = self._table.score(incumbent.id, embedding)
        if self._precision == "int8":
            scores = self._refiner.refined(scores, embedding)
        if not scores:
            return None
        (best, score), *others = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
        return Match(
            person=KnownPerson(best, self._entries[best].name),
            score=score,
            runner_up_score=others[0][1] if others else NOBODY,
            incumbent_score=scores.get(incumbent.id) if incumbent else None,
        )

    def _take_over(self, news: GalleryNews) -> None:
        ids, missing = sorted(news.people), 0
        for start in range(0, len(ids), READ_AT_ONCE):
            missing += self._read(ids[start : start + READ_AT_ONCE])
        self._fill_sample()
        self.revision = news.revision
        if missing:
            logger.warning(
                "gallery_incomplete people=%d without_template=%d model=%s fix='%s'",
                *(len(self) + missing, missing, self.model_digest[:12]),
                "the embedder changed: run `deconvid people reembed`",
            )

    def _read(self, ids: list[int]) -> int:
        """Reads these people anew; returns how many of them have no template of the model."""
        snapshot = self._store.people.gallery(self.model_digest, ids)
        faces = fuse(snapshot)
        gone = set(ids) - set(faces.ids)
        self._refiner.forget(ids)
        for id in ids:
            if id in self or id not in gone:
                self.changed.setdefault(id, id in self)
        for id in gone:
            self._entries.pop(id, None)
            self._samples.pop(id, None)
        for id, photos in zip(faces.ids, faces.photos, strict=True):
            self._entries[id] = _Entry(snapshot.people[id], photos)
        self._sample(faces)
        if self._table is not None:
            self._table.remove(gone)
        if faces.ids:
            if self._table is None:
                self._table = VectorTable(faces.vectors.shape[1], self._precision)
            self._table.put(faces.ids, faces.vectors)
        return len(snapshot.people) - len(faces.ids)

    def _sample(self, faces: Faces) -> None:
        """Keeps a template of each who belongs to the sample, and of nobody else."""
        for id, place, sample in zip(faces.ids, _places(faces.ids).tolist(), faces.samples, strict=True):
            if place <= self._last_place:
                self._samples[id] = sample.copy()  # a view would keep those of everybody who was read together
        if len(self._samples) > MOST_SAMPLED:
            chosen, self._last_place = choose_sample(self._samples)
            self._samples = {id: self._samples[id] for id in chosen}

    def _fill_sample(self) -> None:
        """Reads who moves up in the place of those who are gone."""
        if len(self._samples) == min(MOST_SAMPLED, len(self)):
            return
        chosen, last_place = choose_sample(self._entries)
        missing = [id for id in chosen if id not in self._samples]
        faces = fuse(self._store.people.gallery(self.model_digest, missing))
        self._last_place = last_place
        self._sample(faces)


def choose_sample(ids: Collection[int]) -> tuple[list[int], int]:
    """Returns who of these people are sampled, those of the lowest places, and up to which place."""
    if len(ids) <= MOST_SAMPLED:
        return list(ids), LAST_PLACE
    known, places = np.fromiter(ids, np.int64, len(ids)), _places(ids)
    first = np.argpartition(places, MOST_SAMPLED - 1)[:MOST_SAMPLED]
    return known[first].tolist(), int(places[first].max())


def _places(ids: Collection[int]) -> NDArray[np.uint64]:
    """Returns (N,) where people stand in an order that is the same always and everywhere, and like drawn by chance.

    Mixes the bits as SplitMix64 does (Steele, Lea and Flood, 2014): no two people have one place.
    """
    places = np.fromiter(ids, np.uint64, len(ids)) * np.uint64(0x9E3779B97F4A7C15)
    places = (places ^ (places >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    places = (places ^ (places >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return places ^ (places >> np.uint64(31))
