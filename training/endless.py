"""Samples without end, each from a generator state of its own: a run that is taken up sees what it would have seen."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from torch.utils.data import DataLoader, Dataset

Sample = TypeVar("Sample", covariant=True)
Batch = TypeVar("Batch")
AHEAD = 4
"""Batches that each process has ready."""


class Maker(Protocol[Sample]):
    def make(self, rng: np.random.Generator) -> Sample:
        """Returns a sample; one generator state, one sample."""
        ...


class Endless(Dataset, Generic[Sample]):
    """Args: seed: of the run; first: how many samples were drawn before."""

    def __init__(self, maker: Maker[Sample], seed: int, first: int) -> None:
        self._maker, self._seed, self._first = maker, seed, first

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, draw: int) -> Sample:
        return self._maker.make(np.random.default_rng((self._seed, self._first + draw)))


def batches(
    samples: Endless[Any], size: int, collate: Callable[[Sequence[Any]], Batch], workers: int, *, pinned: bool
) -> Iterable[Batch]:
    """Args: workers: processes that make samples; pinned: for a GPU to fetch."""
    return DataLoader(samples, size, num_workers=workers, prefetch_factor=AHEAD, collate_fn=collate, pin_memory=pinned)
