"""How long something takes, beside what else does the same."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

WARM_UP = 2
TURNS = 3
"""Everybody is timed in so many turns: what else the machine does then hits nobody alone."""
LEAST_RUNS, MOST_RUNS = 3, 2000
"""Of a turn."""


@dataclass(frozen=True, slots=True)
class Contestant:
    who: str
    what: str
    """What is worked on: `batch 16`, `6 faces`."""
    items: int
    """How many faces or pictures that is."""
    work: Callable[[], object]
    gmacs: float = 0.0
    """10^9 multiply-accumulates of all items; 0: unknown, or beside the point."""


class Figure(msgspec.Struct, frozen=True):
    who: str
    what: str
    items: int
    median_ms: float
    """Of all items, as the next two."""
    p95_ms: float
    best_ms: float
    runs: int
    per_s: float
    """Items per second, by the median."""
    gmacs_per_s: float | None
    """By the median; None where nothing is multiplied, or nobody counted."""
    share_of_peak: float | None = None
    """Of the best rate at which this machine multiplied in the same race, with as many threads."""


def race(contestants: Sequence[Contestant], seconds: float, tell: Callable[[str], None]) -> list[Figure]:
    """Returns a figure for each contestant.

    Args:
        contestants: in the order in which they are told.
        seconds: for each of them, at least.
        tell: hears what is done now.
    """
    times_s: list[list[float]] = [[] for _ in contestants]
    for each in contestants:
        for _ in range(WARM_UP):
            each.work()
    for turn in range(TURNS):
        for each, taken_s in zip(contestants, times_s, strict=True):
            tell(f"timing turn={turn + 1} who='{each.who}' what='{each.what}'")
            taken_s += _turn(each.work, seconds / TURNS)
    return [_figure(each, taken_s) for each, taken_s in zip(contestants, times_s, strict=True)]


def _turn(work: Callable[[], object], seconds: float) -> list[float]:
    work()  # caches belong to whoever was before
    times_s: list[float] = []
    ends_s = time.perf_counter() + seconds
    while len(times_s) < LEAST_RUNS or (len(times_s) < MOST_RUNS and time.perf_counter() < ends_s):
        started_s = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - started_s)
    return times_s


def _figure(contestant: Contestant, times_s: Sequence[float]) -> Figure:
    median_s, p95_s = np.percentile(times_s, [50, 95]).tolist()
    return Figure(
        contestant.who,
        contestant.what,
        contestant.items,
        median_ms=round(median_s * 1e3, 4),
        p95_ms=round(p95_s * 1e3, 4),
        best_ms=round(min(times_s) * 1e3, 4),
        runs=len(times_s),
        per_s=round(contestant.items / median_s, 1),
        gmacs_per_s=round(contestant.gmacs / median_s, 1) if contestant.gmacs else None,
    )
