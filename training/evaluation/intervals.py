"""Bootstrap intervals (Efron 1979): how far a figure may be off because the test has few pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDS = 1000
COVERAGE = 0.95
SEED = 5
"""The same draws each time, so that two embedders are compared on equal ones."""

Kind = int | NDArray[Any]
"""Samples of one kind: how many there are, or (N,) whose each one is. Those of one person are not independent: then
people are drawn, each with all samples of theirs."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured share in percent, with the interval that holds it with 95 % confidence."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec or '.2f'}} ({self.low:{spec or '.2f'}} to {self.high:{spec or '.2f'}})"

    def __str__(self) -> str:
        return format(self, ".2f")


def bootstrap(statistic: Callable[..., float], *kinds: Kind) -> Figure:
    """Returns a statistic of some samples and its percentile interval.

    Args:
        statistic: of the samples with the given indices, which may be repeated: one array of indices per kind of
            sample; 1 is 100 %.
        kinds: of samples; each is drawn from by itself.
    """
    return _in_percent(*_interval(statistic, kinds))


def bootstrap_share(statistic: Callable[..., float], *kinds: Kind, of: int = 0) -> Figure:
    """As `bootstrap`, where the statistic is a share of the samples of one kind: see `binomial_at_ends`.

    Args:
        statistic, kinds: see there.
        of: place of that kind.
    """
    value, low, high = _interval(statistic, kinds)
    return _in_percent(value, *binomial_at_ends(value, low, high, len(_Samples(kinds[of]))))


def binomial_at_ends(value: float, low: float, high: float, count: float) -> tuple[float, float]:
    """Returns the interval of a share, 0..1. At 0 and at 1, where draws tell nothing, it ends at the binomial
    distribution's bound (Clopper and Pearson 1934).

    Args:
        value: the share.
        low: of the bootstrap's interval.
        high: likewise.
        count: independent samples.
    """
    bound: float = 1 - ((1 - COVERAGE) / 2) ** (1 / count)
    return (min(low, 1 - bound) if value == 1 else low), (max(high, bound) if value == 0 else high)


class _Samples:
    """Samples of one kind, to draw from."""

    def __init__(self, kind: Kind) -> None:
        people = np.arange(kind) if isinstance(kind, int) else kind
        _, person, self._sizes = np.unique(people, return_inverse=True, return_counts=True)
        self._by_person = np.argsort(person, kind="stable")
        self._starts = np.cumsum(self._sizes) - self._sizes

    def __len__(self) -> int:
        """Returns how many people there are."""
        return len(self._sizes)

    def of(self, drawn: NDArray[np.intp]) -> NDArray[np.intp]:
        """Returns the samples of people, one person after the other."""
        sizes = self._sizes[drawn]
        ranks = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        samples: NDArray[np.intp] = self._by_person[np.repeat(self._starts[drawn], sizes) + ranks]
        return samples


def _interval(statistic: Callable[..., float], kinds: Sequence[Kind]) -> tuple[float, float, float]:
    rng, samples = np.random.default_rng(SEED), [_Samples(kind) for kind in kinds]
    drawn = [statistic(*(each.of(rng.integers(0, len(each), len(each))) for each in samples)) for _ in range(ROUNDS)]
    low, high = np.quantile(drawn, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]).tolist()
    return statistic(*(each.of(np.arange(len(each))) for each in samples)), low, high


def _in_percent(*shares: float) -> Figure:
    return Figure(*(round(100 * float(share), 2) for share in shares))
