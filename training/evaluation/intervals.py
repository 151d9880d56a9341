"""Bootstrap intervals (Efron 1979): how far a figure may be off because the test has few pictures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ROUNDS = 1000
COVERAGE = 0.95


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


def bootstrap(statistic: Callable[..., float], *counts: int, seed: int = 5) -> Figure:
    """Returns a statistic of some samples and its percentile interval.

    Args:
        statistic: a share from 0 to 1 of the samples with the given indices, which may be repeated: one array of
            indices per kind of sample.
        counts: samples of each kind; each is drawn from by itself.
        seed: the same seed draws the same samples, so that two embedders are compared on equal draws.
    """
    rng = np.random.default_rng(seed)
    drawn = [statistic(*(rng.integers(0, count, count) for count in counts)) for _ in range(ROUNDS)]
    low, high = np.quantile(drawn, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    whole = statistic(*(np.arange(count) for count in counts))
    return Figure(*(round(100 * float(value), 2) for value in (whole, low, high)))
