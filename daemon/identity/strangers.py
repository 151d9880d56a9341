"""The strangers who can be recognised: without a name and yet the same face. Pure: no clock, no store."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from daemon.identity.coherence import thinned
from daemon.store.stranger_records import CrowdSnapshot, Likeness, Stranger


@dataclass(frozen=True, slots=True)
class Recognition:
    stranger: Stranger
    score: float
    """Cosine of the stranger's best likeness."""


@dataclass(frozen=True)
class Crowd:
    """The strangers whose likenesses are known, by id. Immutable."""

    strangers: Mapping[int, Stranger] = field(default_factory=dict)
    newest: int = 0
    """Highest id that was ever given: none is given twice."""
    apart: frozenset[tuple[int, int]] = frozenset()
    """Pairs, the lower id first, who are two because an operator said so, or because they were seen together: no
    sighting makes them one."""

    @classmethod
    def of(cls, snapshot: CrowdSnapshot) -> Self:
        return cls(snapshot.strangers, snapshot.newest, snapshot.apart)

    def recognise(
        self, embedding: NDArray[np.float32], threshold: float, others: Collection[int] = ()
    ) -> Recognition | None:
        """Returns the stranger who resembles a face most, None if nobody reaches the threshold.

        Args:
            embedding: (D,) float32, L2 norm 1.
            others: who it cannot be.
        """
        return next((found for found in self.resembling(embedding, threshold) if found.stranger.id not in others), None)

    def stay(self, id: int, until: datetime) -> "Crowd":
        """Returns the crowd in which a stranger was seen until a moment, in the same sighting as before."""
        stranger = self.strangers[id]
        return self.put(replace(stranger, last_seen=max(stranger.last_seen, until)))

    def merge(self, gone: int, into: int, most_likenesses: int) -> "Crowd":
        """Returns the crowd in which one stranger is part of another, who keeps id and state."""
        survivor, lost = self.strangers[into], self.strangers[gone]
        union = replace(
            survivor,
            first_seen=min(survivor.first_seen, lost.first_seen),
            last_seen=max(survivor.last_seen, lost.last_seen),
            sightings=survivor.sightings + lost.sightings,
            likenesses=thinned((*survivor.likenesses, *lost.likenesses), most_likenesses),
        )
        inherited = (pair_of(*(into if id == gone else id for id in pair)) for pair in self.apart)
        apart = frozenset(pair for pair in inherited if pair[0] != pair[1])
        return replace(self.without(gone).put(union), apart=apart)

    def split(self, id: int, leaving: Iterable[int]) -> tuple["Crowd", int]:
        """Returns the crowd in which some likenesses of a stranger are another one's, and that one's id. No sighting
        makes the two one again.

        Args:
            leaving: ids of the likenesses, neither none nor all.

        Raises:
            ValueError: it is none or all.
        """
        stranger, leaving = self.strangers[id], set(leaving)
        gone = tuple(one for one in stranger.likenesses if one.id in leaving)
        rest = tuple(one for one in stranger.likenesses if one.id not in leaving)
        if not gone or not rest:
            raise ValueError("a stranger is split into two that have a likeness each")
        crowd, new = self.divide(stranger, rest, gone)
        return crowd.keep_apart(id, [new]), new

    def keep_apart(self, id: int, others: Iterable[int]) -> "Crowd":
        """Returns the crowd in which no sighting makes one of a stranger and others."""
        pairs = {pair_of(id, other) for other in others if other in self.strangers and other != id}
        return replace(self, apart=self.apart | pairs) if pairs - self.apart else self

    def ignore(self, id: int, ignored: bool = True) -> "Crowd":
        return self.put(replace(self.strangers[id], state="ignored" if ignored else "open"))

    def owner_of(self, likeness: int) -> int | None:
        """Returns whose a likeness is, None if nobody's."""
        owners = (one.id for one in self.strangers.values() if any(own.id == likeness for own in one.likenesses))
        return next(owners, None)

    def withdraw(self, id: int, likeness: int) -> "Crowd":
        """Returns the crowd in which a sighting was not of a stranger; without the stranger if no other one is left."""
        stranger = self.strangers[id]
        rest = tuple(one for one in stranger.likenesses if one.id != likeness)
        if not rest:
            return self.without(id)
        return self.put(replace(stranger, likenesses=rest, sightings=max(stranger.sightings - 1, len(rest))))

    def without(self, id: int) -> "Crowd":
        rest = {other: stranger for other, stranger in self.strangers.items() if other != id}
        return replace(self, strangers=rest, apart=frozenset(pair for pair in self.apart if id not in pair))

    def put(self, *strangers: Stranger) -> "Crowd":
        changed = {stranger.id: stranger for stranger in strangers}
        return replace(self, strangers={**self.strangers, **changed}, newest=max(self.newest, *changed))

    def divide(self, stranger: Stranger, rest: tuple[Likeness, ...], gone: tuple[Likeness, ...]) -> tuple["Crowd", int]:
        """Sightings go with the likenesses as far as these tell; the rest of the count stays."""
        new = Stranger(
            self.newest + 1,
            stranger.state,
            first_seen=min(one.seen_at for one in gone),
            last_seen=max(one.seen_at for one in gone),
            sightings=len(gone),
            likenesses=gone,
        )
        sightings = max(stranger.sightings - len(gone), len(rest))
        return self.put(replace(stranger, likenesses=rest, sightings=sightings), new), new.id

    def resembling(self, embedding: NDArray[np.float32], threshold: float) -> Iterator[Recognition]:
        """Yields who reaches the threshold, who resembles most first; somebody may come several times."""
        if not self.strangers:
            return
        scores = self.matrix @ embedding
        alike = np.flatnonzero(scores >= threshold)
        for place in alike[np.argsort(-scores[alike], kind="stable")]:
            yield Recognition(self.strangers[self.owners[place]], float(scores[place]))

    @property
    def likenesses(self) -> int:
        return len(self.owners)

    @cached_property
    def matrix(self) -> NDArray[np.float32]:
        """(N, D) the likenesses of everybody."""
        return np.stack([one.embedding for stranger in self.strangers.values() for one in stranger.likenesses])

    @cached_property
    def owners(self) -> list[int]:
        """(N) whose each row is."""
        return [stranger.id for stranger in self.strangers.values() for _ in stranger.likenesses]


def pair_of(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)
