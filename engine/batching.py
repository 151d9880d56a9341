"""Crops of all cameras that wait for the embedder, and whose turn it is.

Nothing here waits or embeds: whoever has the embedder takes a batch when it likes, by any clock.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray


class TrackedCrop(Protocol):
    """What the batcher has to know of a crop; the embedding is an answer to it."""

    @property
    def track(self) -> str: ...

    @property
    def is_new(self) -> bool:
        """Whether little was embedded of its track so far: somebody waits to be named."""
        ...

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(size, size, 3) uint8 BGR, aligned."""
        ...


Crop = TypeVar("Crop", bound=TrackedCrop)


@dataclass(frozen=True, slots=True, eq=False)
class Batch(Generic[Crop]):
    """N crops that are embedded together."""

    crops: Sequence[Crop]
    waited_s: Sequence[float]
    """How long each of them did."""

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(N, size, size, 3) uint8 BGR, in the order of the crops."""
        return np.stack([crop.pixels for crop in self.crops])


class Batcher(Generic[Crop]):
    """Args:
    size: crops of a full batch.
    patience_s: after so long a crop goes before those of new tracks.
    capacity: crops that may wait at all; at least `size`.
    clock: seconds, monotonic.
    """

    def __init__(
        self, size: int, patience_s: float, capacity: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size, self._patience_s, self._capacity, self._clock = size, patience_s, capacity, clock
        self._waiting: list[tuple[Crop, float]] = []
        """With the time at which each came; oldest first."""

    def __len__(self) -> int:
        """Crops that wait."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= self._size

    def put(self, crop: Crop) -> Crop | None:
        """Takes a crop in; returns the one that gave way to it, which nobody will embed, or None if there was room.

        The oldest of the same track gives way, of which there is something newer now; else the oldest of a track that
        is not new; else the oldest.
        """
        dropped = None
        if len(self._waiting) >= self._capacity:
            dropped = self._waiting.pop(self._loser(crop.track))[0]
        self._waiting.append((crop, self._clock()))
        return dropped

    def take(self) -> Batch[Crop]:
        """Returns the next batch: who has waited long goes first, then new tracks, then the oldest."""
        now_s = self._clock()
        in_turn = sorted(self._waiting, key=lambda each: (now_s - each[1] < self._patience_s, not each[0].is_new))
        taken, rest = in_turn[: self._size], in_turn[self._size :]
        self._waiting = sorted(rest, key=lambda each: each[1])
        return Batch([crop for crop, _ in taken], [now_s - since_s for _, since_s in taken])

    def _loser(self, track: str) -> int:
        for i, (crop, _) in enumerate(self._waiting):
            if crop.track == track:
                return i
        return next((i for i, (crop, _) in enumerate(self._waiting) if not crop.is_new), 0)
