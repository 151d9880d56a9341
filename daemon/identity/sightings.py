"""What a sighting of somebody unknown makes of the crowd. Pure.

It joins the stranger whose best likeness resembles it most, if by the threshold that names people too; else it is a new
stranger's. Two strangers become one when a likeness of the one reaches the threshold with one of the other and their
union is coherent; a stranger that is not coherent any more becomes two (see `daemon.identity.coherence`).

Faces that resemble each other by more than the threshold within each person, and by less between persons, give the same
strangers in whatever order they come, as long as no likeness was dropped (`most_likenesses`) and no stranger evicted
(`most_strangers`). Who lies between two strangers joins whom it resembles most at that moment: there the order counts.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from daemon.identity.coherence import Sides, halves, thinned
from daemon.identity.strangers import Crowd, pair_of
from daemon.store.stranger_records import Likeness, Stranger


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
class Sighting:
    """A track of somebody unknown."""

    likeness: Likeness
    since: datetime
    """When the track began; the likeness says when it was seen last."""
    others: Collection[int] = ()
    """Strangers who were in the same picture: it is none of them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sighting led to."""

    stranger: int
    is_new: bool = False
    merged: Mapping[int, int] = field(default_factory=dict)
    """Who became part of whom."""
    split: Mapping[int, int] = field(default_factory=dict)
    """Whom a new stranger was part of before, by the new one."""


def see(crowd: Crowd, sighting: Sighting, rules: StrangerRules) -> tuple[Crowd, Outcome]:
    """Returns the crowd after a sighting, and who it was."""
    embedding = sighting.likeness.embedding
    known = crowd.recognise(embedding, rules.threshold, sighting.others)
    if known is None:
        crowd, outcome = _welcome(crowd, sighting, rules)
    else:
        crowd, outcome = _meet_again(crowd, known.stranger, sighting, rules)
    alike = {found.stranger.id for found in crowd.resembling(embedding, rules.threshold)}
    return crowd.keep_apart(outcome.stranger, alike.intersection(sighting.others)), outcome


def _welcome(crowd: Crowd, sighting: Sighting, rules: StrangerRules) -> tuple[Crowd, Outcome]:
    likeness = sighting.likeness
    stranger = Stranger(crowd.newest + 1, "open", sighting.since, likeness.seen_at, 1, (likeness,))
    return _bounded(crowd.put(stranger), stranger.id, rules), Outcome(stranger.id, is_new=True)


def _meet_again(crowd: Crowd, known: Stranger, sighting: Sighting, rules: StrangerRules) -> tuple[Crowd, Outcome]:
    likeness = sighting.likeness
    stranger = replace(
        known,
        first_seen=min(known.first_seen, sighting.since),
        last_seen=max(known.last_seen, likeness.seen_at),
        sightings=known.sightings + 1,
    )
    if stranger.state == "ignored":
        return crowd.put(stranger), Outcome(stranger.id)
    gathered = (*stranger.likenesses, likeness)
    if sides := halves(gathered, rules.threshold - rules.hysteresis):
        return _split(crowd, stranger, sides, likeness, rules)
    crowd = crowd.put(replace(stranger, likenesses=thinned(gathered, rules.most_likenesses)))
    return _gather(crowd, stranger.id, sighting.others, rules)


def _gather(crowd: Crowd, id: int, others: Collection[int], rules: StrangerRules) -> tuple[Crowd, Outcome]:
    """Makes one of a stranger and those who turn out to be the same; the oldest id stays."""
    merged: dict[int, int] = {}
    while (double := _double_of(crowd, id, others, rules)) is not None:
        id, gone = sorted((id, double))
        crowd = crowd.merge(gone, id, rules.most_likenesses)
        merged = {one: id if into == gone else into for one, into in merged.items()} | {gone: id}
    return crowd, Outcome(id, merged=merged)


def _double_of(crowd: Crowd, id: int, others: Collection[int], rules: StrangerRules) -> int | None:
    stranger = crowd.strangers[id]
    mine = np.stack([one.embedding for one in stranger.likenesses])
    scores = (crowd.matrix @ mine.T).max(axis=1)
    for place in np.argsort(-scores):
        if scores[place] < rules.threshold:
            return None
        other = crowd.strangers[crowd.owners[place]]
        if other.id in (id, *others) or other.state == "ignored" or pair_of(id, other.id) in crowd.apart:
            continue
        union = (*stranger.likenesses, *other.likenesses)
        if halves(union, rules.threshold - rules.hysteresis) is None:
            return other.id
    return None


def _split(
    crowd: Crowd, stranger: Stranger, sides: Sides, likeness: Likeness, rules: StrangerRules
) -> tuple[Crowd, Outcome]:
    """Whoever was seen first keeps the id."""
    rest, gone = sorted(sides, key=lambda side: min((one.seen_at, one.id) for one in side))
    crowd, new = crowd.divide(stranger, rest, gone)
    is_of_new = any(one.id == likeness.id for one in gone)
    return _bounded(crowd, new, rules), Outcome(new if is_of_new else stranger.id, split={new: stranger.id})


def _bounded(crowd: Crowd, newcomer: int, rules: StrangerRules) -> Crowd:
    others = [one for one in crowd.strangers.values() if one.state == "open" and one.id != newcomer]
    if len(others) < rules.most_strangers:
        return crowd
    return crowd.without(min(others, key=lambda one: (one.last_seen, one.id)).id)
