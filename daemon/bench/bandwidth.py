"""How fast this machine reads its memory: the ceiling of a search that looks at everything."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEGABYTES = 256
"""Far more than any cache holds."""


class MemoryReader:
    """A context manager that holds the memory which is read."""

    def __init__(self) -> None:
        self._words = np.ones(MEGABYTES << 17, np.uint64)
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def __enter__(self) -> "MemoryReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def gigabytes_per_s(self) -> float:
        """Returns the rate of the fastest of some ways to read everything once, by one and by all processors."""
        passes: tuple[Callable[[NDArray[Any]], Any], ...] = (
            np.bitwise_or.reduce,
            lambda part: part.view(np.int32).max(),
        )
        return max(self._rate(read, parts) for read in passes for parts in {1, os.cpu_count() or 1})

    def _rate(self, read: Callable[[NDArray[Any]], Any], parts: int) -> float:
        started = time.perf_counter()
        list(self._pool.map(read, np.array_split(self._words, parts)))
        return self._words.nbytes / (time.perf_counter() - started) / 1e9
