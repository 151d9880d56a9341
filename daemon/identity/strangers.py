"""Strangers, told apart one sighting after the other: without a name and yet the same face. Pure: no clock, no store.

A sighting joins the stranger whose best likeness resembles it most, if by the threshold that names people too; else it
is a new stranger's. Two strangers become one when a likeness of the one reaches the threshold with one of the other and
their union is coherent; a stranger that is not coherent any more becomes two (see `daemon.identity.coherence`).

Faces that resemble each other by more than the threshold within each person, and by less between persons, give the same
strangers in whatever order they come, as long as no likeness was dropped (`most_likenesses`) and no stranger evicted
(`most_strangers`). Who lies between two strangers joins whom it resembles most at that moment: there the order counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from daemon.identity.coherence import halves, thinned
from daemon.store.stranger_records import CrowdSnapshot, Likeness, Stranger


@dataclass(frozen=True, slots=True)
class StrangerRules:
    threshold: float
    """Cosine from which two faces are held to be one person's."""
    hysteresis: float
    """How far below the threshold two halves of a stranger must be to be two people."""
    most_likenesses: int = 8
    """Of each stranger; the best of those that tell something different are kept."""
    most_strangers: int = 2000
    """Open ones; beyond it the one who was away for longest is forgotten."""


@dataclass(frozen=True, slots=True)
class Recognition:
    stranger: Stranger
    score: float
    """Cosine of the stranger's best likeness."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sighting led to."""

    stranger: int
    is_new: bool = False
    merged: Mapping[int, int] = field(default_factory=dict)
    """Who became part of whom."""
    split: Mapping[int, int] = field(default_factory=dict)
    """Whom a new stranger was part of before, by the new one."""


@dataclass(frozen=True)
class Crowd:
    """The strangers whose likenesses are known, by id. Immutable."""

    strangers: Mapping[int, Stranger] = field(default_factory=dict)
    newest: int = 0
    """Highest id that was ever given: none is given twice."""
    apart: frozenset[tuple[int, int]] = frozenset()
    """Pairs, the lower id first, of whom an operator said that they are two: no sighting makes them one."""

    @classmethod
    def of(cls, snapshot: CrowdSnapshot) -> Self:
        return cls(snapshot.strangers, snapshot.newest, snapshot.apart)

    def recognise(self, embedding: NDArray[np.float32], threshold: float) -> Recognition | None:
        """Returns the stranger who resembles a face most, None if nobody reaches the threshold.

        Args:
            embedding: (D,) float32, L2 norm 1.
        """
        if not self.strangers:
            return None
        scores = self._matrix @ embedding
        best = int(scores.argmax())
        if scores[best] < threshold:
            return None
        return Recognition(self.strangers[self._owners[best]], float(scores[best]))

    def see(self, likeness: Likeness, rules: StrangerRules) -> tuple["Crowd", Outcome]:
        """Returns the crowd after a track of somebody unknown, and who it was."""
        known = self.recognise(likeness.embedding, rules.threshold)
        if known is None:
            return self._welcome(likeness, rules)
        stranger = _seen(known.stranger, likeness.seen_at)
        if stranger.state == "ignored":
            return self._with(stranger), Outcome(stranger.id)
        gathered = (*stranger.likenesses, likeness)
        parts = halves(gathered, rules.threshold - rules.hysteresis)
        if parts:
            return self._split_at(stranger, parts, likeness, rules)
        crowd = self._with(replace(stranger, likenesses=thinned(gathered, rules.most_likenesses)))
        return crowd._gather(stranger.id, rules)

    def stay(self, id: int, until: datetime) -> "Crowd":
        """Returns the crowd in which a stranger was seen until a moment, in the same sighting as before."""
        stranger = self.strangers[id]
        return self._with(replace(stranger, last_seen=max(stranger.last_seen, until)))

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
        inherited = (_pair(*(into if id == gone else id for id in pair)) for pair in self.apart)
        apart = frozenset(pair for pair in inherited if pair[0] != pair[1])
        return replace(self.without(gone)._with(union), apart=apart)

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
        crowd, new = self._divide(stranger, rest, gone)
        return replace(crowd, apart=crowd.apart | {_pair(id, new)}), new

    def ignore(self, id: int, ignored: bool = True) -> "Crowd":
        return self._with(replace(self.strangers[id], state="ignored" if ignored else "open"))

    def without(self, id: int) -> "Crowd":
        rest = {other: stranger for other, stranger in self.strangers.items() if other != id}
        return replace(self, strangers=rest, apart=frozenset(pair for pair in self.apart if id not in pair))

    def _with(self, *strangers: Stranger) -> "Crowd":
        changed = {stranger.id: stranger for stranger in strangers}
        return replace(self, strangers={**self.strangers, **changed}, newest=max(self.newest, *changed))

    def _welcome(self, likeness: Likeness, rules: StrangerRules) -> tuple["Crowd", Outcome]:
        at = likeness.seen_at
        stranger = Stranger(self.newest + 1, "open", at, at, 1, (likeness,))
        return self._with(stranger)._bounded(stranger.id, rules), Outcome(stranger.id, is_new=True)

    def _bounded(self, newcomer: int, rules: StrangerRules) -> "Crowd":
        others = [one for one in self.strangers.values() if one.state == "open" and one.id != newcomer]
        if len(others) < rules.most_strangers:
            return self
        return self.without(min(others, key=lambda one: (one.last_seen, one.id)).id)

    def _gather(self, id: int, rules: StrangerRules) -> tuple["Crowd", Outcome]:
        """Makes one of a stranger and those who turn out to be the same; the oldest id stays."""
        crowd, merged = self, dict[int, int]()
        while (other := crowd._double_of(id, rules)) is not None:
            id, gone = sorted((id, other))
            crowd = crowd.merge(gone, id, rules.most_likenesses)
            merged = {one: id if into == gone else into for one, into in merged.items()} | {gone: id}
        return crowd, Outcome(id, merged=merged)

    def _double_of(self, id: int, rules: StrangerRules) -> int | None:
        stranger = self.strangers[id]
        mine = np.stack([one.embedding for one in stranger.likenesses])
        scores = (self._matrix @ mine.T).max(axis=1)
        for place in np.argsort(-scores):
            if scores[place] < rules.threshold:
                return None
            other = self.strangers[self._owners[place]]
            if other.id == id or other.state == "ignored" or _pair(id, other.id) in self.apart:
                continue
            union = (*stranger.likenesses, *other.likenesses)
            if halves(union, rules.threshold - rules.hysteresis) is None:
                return other.id
        return None

    def _split_at(
        self,
        stranger: Stranger,
        parts: tuple[tuple[Likeness, ...], tuple[Likeness, ...]],
        likeness: Likeness,
        rules: StrangerRules,
    ) -> tuple["Crowd", Outcome]:
        """Whoever was seen first keeps the id."""
        rest, gone = sorted(parts, key=lambda part: min((one.seen_at, one.id) for one in part))
        crowd, new = self._divide(stranger, rest, gone)
        is_of_new = any(one.id == likeness.id for one in gone)
        outcome = Outcome(new if is_of_new else stranger.id, split={new: stranger.id})
        return crowd._bounded(new, rules), outcome

    def _divide(
        self, stranger: Stranger, rest: tuple[Likeness, ...], gone: tuple[Likeness, ...]
    ) -> tuple["Crowd", int]:
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
        return self._with(replace(stranger, likenesses=rest, sightings=sightings), new), new.id

    @property
    def likenesses(self) -> int:
        return len(self._owners)

    @cached_property
    def _matrix(self) -> NDArray[np.float32]:
        """(N, D) the likenesses of everybody."""
        return np.stack([one.embedding for stranger in self.strangers.values() for one in stranger.likenesses])

    @cached_property
    def _owners(self) -> list[int]:
        """(N) whose each row is."""
        return [stranger.id for stranger in self.strangers.values() for _ in stranger.likenesses]


def _seen(stranger: Stranger, at: datetime) -> Stranger:
    first, last = min(stranger.first_seen, at), max(stranger.last_seen, at)
    return replace(stranger, first_seen=first, last_seen=last, sightings=stranger.sightings + 1)


def _pair(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)
