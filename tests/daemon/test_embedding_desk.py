"""The embedding desk with an embedder that answers when it is told to."""

import select
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from daemon import embedding
from daemon.embedding import EmbeddingDesk
from daemon.messages import FaceObserved
from daemon.view import Crop
from daemon.workers.vision_figures import VisionFigures
from engine.embedder import BEST_BATCH


class SlowEmbedder:
    """Gives as embedding of a crop its first pixel, when it may."""

    digest = "d"

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.threads: set[str] = set()
        self.fails = False
        self.is_warm = False

    def warm_up(self) -> None:
        assert self.may_answer.wait(20)
        self.is_warm = True

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.threads.add(threading.current_thread().name)
        assert self.may_answer.wait(20)
        if self.fails:
            raise RuntimeError("the network is gone")
        return crops[:, 0, 0, :1].astype(np.float32)


class Rig:
    def __init__(self) -> None:
        self.embedder, self.figures, self.told = SlowEmbedder(), VisionFigures(), list[FaceObserved]()
        embedder: Any = self.embedder
        self.desk = EmbeddingDesk(embedder, self.figures, lambda crop, _: crop.track, False, self.told.extend)
        self.put_in = 0

    def put(self) -> None:
        pixels = np.full((2, 2, 3), self.put_in, np.uint8)
        self.desk.put(
            Crop(
                camera="door",
                track=f"t{self.put_in}",
                captured_ns=1,
                captured_wall_ns=1,
                box=(0, 0, 1, 1),
                frame_size=(2, 2),
                quality=1.0,
                fault="size",
                pixels=pixels,
                wants_closer=False,
                is_best=False,
                is_new=True,
                picture=None,
            )
        )
        self.put_in += 1

    @property
    def answers(self) -> list[tuple[str, int]]:
        """Track of each crop that was told, and which crop its embedding is of."""
        return [(each.track, int(np.frombuffer(each.embedding, "<f4")[0])) for each in self.told]

    @property
    def is_readable(self) -> bool:
        return bool(select.select([self.desk.answered], [], [], 0)[0])

    def await_told(self, count: int) -> None:
        """As the vision worker waits: until that many crops are told."""
        while len(self.told) < count:
            assert select.select([self.desk.answered], [], [], 20)[0]
            self.desk.go_on()


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.embedder.may_answer.set()
    rig.desk.close()


def test_nobody_waits_for_the_embedder(rig: Rig) -> None:
    rig.embedder.may_answer.clear()
    rig.put()
    rig.desk.go_on()
    rig.put()
    began_s = time.monotonic()
    rig.desk.go_on()  # it is busy: the second crop waits for it
    assert time.monotonic() - began_s < 1
    assert not rig.told
    assert not rig.is_readable
    rig.embedder.may_answer.set()
    rig.await_told(1)
    assert rig.answers == [("t0", 0)]
    rig.await_told(2)
    assert rig.answers == [("t0", 0), ("t1", 1)]
    assert not rig.is_readable


def test_the_first_batch_finds_a_warm_embedder(rig: Rig) -> None:
    rig.put()
    rig.desk.go_on()
    rig.await_told(1)
    assert rig.embedder.is_warm


def test_those_who_come_while_it_works_make_the_next_batch(rig: Rig) -> None:
    rig.embedder.may_answer.clear()
    for _ in range(BEST_BATCH + 3):
        rig.put()
        rig.desk.go_on()
    rig.embedder.may_answer.set()
    rig.await_told(BEST_BATCH + 3)
    assert rig.figures.batches == {"free": 1, "full": 1, "next": 1}


def test_it_is_behind_when_a_full_batch_waits_for_another(rig: Rig) -> None:
    rig.embedder.may_answer.clear()
    for _ in range(BEST_BATCH):
        assert not rig.desk.is_behind
        rig.put()
        rig.desk.go_on()
    assert not rig.desk.is_behind
    rig.put()
    assert rig.desk.is_behind
    rig.embedder.may_answer.set()
    rig.desk.finish()
    assert not rig.desk.is_behind


@given(st.lists(st.sampled_from(["put", "look", "finish"]), max_size=60))
@settings(max_examples=50, deadline=None)
def test_every_crop_is_told_once_with_its_own_embedding(deeds: list[str]) -> None:
    rig = Rig()
    try:
        for deed in [*deeds, "finish"]:
            match deed:
                case "put":
                    rig.put()
                case "look":
                    rig.desk.go_on()
                case "finish":
                    rig.desk.finish()
                    assert len(rig.told) == rig.put_in
        assert sorted(rig.answers) == sorted((f"t{n}", n) for n in range(rig.put_in))
        assert rig.embedder.threads <= {"embedding_0"}
    finally:
        rig.desk.close()


def test_an_embedder_that_fails_is_heard_of(rig: Rig) -> None:
    rig.embedder.fails = True
    rig.put()
    rig.desk.go_on()
    with pytest.raises(RuntimeError, match="the network is gone"):
        rig.await_told(1)


def test_an_embedder_that_hangs_is_noticed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "STUCK_S", 0.05)
    rig.embedder.may_answer.clear()
    assert not rig.desk.is_stuck
    rig.put()
    rig.desk.go_on()
    assert not rig.desk.is_stuck
    time.sleep(0.06)
    assert rig.desk.is_stuck
    rig.embedder.may_answer.set()
    rig.desk.finish()
    assert not rig.desk.is_stuck
