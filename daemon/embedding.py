"""Crops of all cameras on their way through the embedder, which works in a thread of its own: looks go on meanwhile."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daemon.messages import FaceObserved
from daemon.view import Crop
from daemon.workers.vision_figures import VisionFigures
from engine.batching import Batch, Batcher
from engine.crops import encode_crop
from engine.embedder import BEST_BATCH, Embedder

PATIENCE_S = 0.1
"""A crop that has waited so long goes before those of new tracks."""
MOST_WAITING = 16 * BEST_BATCH
"""Crops; one look at a crowd may bring more than a batch."""
STUCK_S = 5.0
"""After so long it is not the batch that takes its time."""


@dataclass(frozen=True, slots=True, eq=False)
class UnderWay:
    """A batch that is being embedded."""

    batch: Batch[Crop]
    kind: str
    began_s: float
    embeddings: "Future[tuple[NDArray[np.float32], float]]"
    """And how long they took."""


class EmbeddingDesk:
    """For one thread, which never waits for the embedder but in `finish`.

    Args:
        embedder: of every crop.
        figures: counts batches, and what became of the crops.
        recognise: returns the track that a crop is of, now that its embedding is known.
        keeps_crops: whether the best crop of a track goes along with its embedding.
        tell: takes the observations of a batch.
    """

    def __init__(
        self,
        embedder: Embedder,
        figures: VisionFigures,
        recognise: Callable[[Crop, NDArray[np.float32]], str],
        keeps_crops: bool,
        tell: Callable[[Sequence[FaceObserved]], None],
    ) -> None:
        self._embedder, self._figures, self._keeps_crops, self._tell = embedder, figures, keeps_crops, tell
        self._recognise = recognise
        self._batcher = Batcher[Crop](BEST_BATCH, PATIENCE_S, MOST_WAITING)
        self._under_way: UnderWay | None = None
        self._gathered = False
        """Whether somebody came while the batch before was under way."""
        self._thread = ThreadPoolExecutor(1, "embedding")
        self._thread.submit(embedder.warm_up)  # the first look does not wait for it; what fails in it fails a batch too
        self.answered = os.eventfd(0, os.EFD_NONBLOCK)
        """To be polled: readable when `go_on` has something to take."""

    @property
    def is_behind(self) -> bool:
        """Whether more looks would only make crops that wait: a frame that is not looked at yet may still be newer."""
        return self._under_way is not None and self._batcher.is_full

    @property
    def is_stuck(self) -> bool:
        return self._under_way is not None and time.monotonic() - self._under_way.began_s > STUCK_S

    def put(self, crop: Crop) -> None:
        if self._batcher.put(crop):
            self._figures.crops["overflow"] += 1

    def go_on(self) -> None:
        """Tells what the embedder has answered, and gives it those who wait.

        It never waits for a batch to fill: while it works the next one gathers, so batches grow with the load.
        """
        if self._under_way and self._under_way.embeddings.done():
            self._tell_answer(self._under_way)
        if not self._under_way and self._batcher:
            self._begin()

    def finish(self) -> None:
        """Waits until every crop is embedded and told."""
        while self._under_way or self._batcher:
            self._tell_answer(self._under_way or self._begin())

    def close(self) -> None:
        self._thread.shutdown()
        os.close(self.answered)

    def _begin(self) -> UnderWay:
        kind = "full" if self._batcher.is_full else "next" if self._gathered else "free"
        batch = self._batcher.take()
        self._under_way = UnderWay(batch, kind, time.monotonic(), self._thread.submit(self._embed, batch.pixels))
        return self._under_way

    def _embed(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        started_s = time.monotonic()
        try:
            return self._embedder.embed(pixels), time.monotonic() - started_s
        finally:
            os.eventfd_write(self.answered, 1)

    def _tell_answer(self, done: UnderWay) -> None:
        embeddings, took_s = done.embeddings.result()
        os.eventfd_read(self.answered)
        self._under_way, self._gathered = None, bool(self._batcher)
        self._figures.note_batch(done.kind, done.batch.waited_s, took_s)
        self._tell([self._observation(*pair) for pair in zip(done.batch.crops, embeddings, strict=True)])

    def _observation(self, crop: Crop, embedding: NDArray[np.float32]) -> FaceObserved:
        return FaceObserved(
            camera=crop.camera,
            track=self._recognise(crop, embedding),
            captured_ns=crop.captured_ns,
            captured_wall_ns=crop.captured_wall_ns,
            box=crop.box,
            frame_size=crop.frame_size,
            quality=crop.quality,
            embedding=embedding.astype("<f4").tobytes(),
            model=self._embedder.digest,
            picture=crop.picture,
            crop=encode_crop(crop.pixels) if self._keeps_crops and crop.is_best else b"",
        )
