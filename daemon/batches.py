"""Items in groups, so that what is done with many at once is done with few in memory."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yields lists of `size` items, the last one shorter; takes from `items` only what the next list needs."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
