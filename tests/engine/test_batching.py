"""The batcher under a clock of its own: every crop is answered once and in turn, or its loss is told."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy.typing import NDArray

from engine.batching import Batcher

SIZE, PATIENCE, CAPACITY = 4, 10, 7
TRACKS = st.sampled_from(["door-1", "door-2", "yard-1", "yard-2", "yard-3"])


@dataclass(eq=False)
class Crop:
    """A crop whose pixels say which one it is."""

    number: int
    track: str
    is_new: bool
    came: int
    pixels: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        self.pixels = np.full((2, 2, 3), [self.number >> 16, self.number >> 8 & 255, self.number & 255], np.uint8)


class Batching(RuleBasedStateMachine):
    """An embedder that takes a batch whenever it is free."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.batcher = Batcher[Crop](SIZE, PATIENCE, CAPACITY, lambda: self.now)
        self.waiting: list[Crop] = []
        self.put = 0
        self.answered: list[int] = []
        self.dropped: list[int] = []

    @rule(track=TRACKS, is_new=st.booleans())
    def crop_comes(self, track: str, is_new: bool) -> None:
        crop = Crop(self.put, track, is_new, self.now)
        self.put += 1
        before, loser = list(self.waiting), self.batcher.put(crop)
        self.waiting.append(crop)
        assert (loser is not None) == (len(before) == CAPACITY)
        if loser is not None:
            same = [each for each in before if each.track == track]
            others = [each for each in before if not each.is_new] or before
            assert loser is (same or others)[0]
            self.waiting.remove(loser)
            self.dropped.append(loser.number)

    @rule(steps=st.integers(1, 2 * PATIENCE))
    def time_passes(self, steps: int) -> None:
        self.now += steps

    @rule()
    @precondition(lambda self: self.waiting)
    def the_embedder_is_free(self) -> None:
        batch = self.batcher.take()
        assert 0 < len(batch.crops) <= SIZE
        answers = (batch.pixels.reshape(-1, 4, 3)[:, 0] @ np.array([1 << 16, 1 << 8, 1])).tolist()
        assert answers == [crop.number for crop in batch.crops]
        assert list(batch.waited_s) == [self.now - crop.came for crop in batch.crops]
        for crop in batch.crops:
            self.waiting.remove(crop)
        self.answered += answers
        if self.waiting:
            assert max(map(self.rank, batch.crops)) < min(map(self.rank, self.waiting))

    def rank(self, crop: Crop) -> tuple[bool, bool, int]:
        return self.now - crop.came < PATIENCE, not crop.is_new, crop.number

    @invariant()
    def nothing_is_lost_or_answered_twice(self) -> None:
        accounted = sorted([*self.answered, *self.dropped, *(crop.number for crop in self.waiting)])
        assert accounted == list(range(self.put))
        assert len(self.batcher) == len(self.waiting) <= CAPACITY
        assert self.batcher.is_full == (len(self.waiting) >= SIZE)


TestBatching = Batching.TestCase
TestBatching.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_embeddings_of_a_track_come_in_order() -> None:
    now = 0
    batcher = Batcher[Crop](2, PATIENCE, 100, lambda: now)
    looks = [Crop(number, f"t{number % 3}", number < 6, number) for number in range(12)]
    for crop in looks:
        now = crop.came
        batcher.put(crop)
    taken = [crop for _ in range(6) for crop in batcher.take().crops]
    for track in ("t0", "t1", "t2"):
        numbers = [crop.number for crop in taken if crop.track == track]
        assert numbers == sorted(numbers)
    assert len(taken) == 12
