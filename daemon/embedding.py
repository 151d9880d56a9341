"""Crops of all cameras on their way through the embedder."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from daemon.messages import FaceObserved
from daemon.view import Crop
from daemon.workers.vision_figures import VisionFigures
from engine.batching import Batcher
from engine.crops import encode_crop
from engine.embedder import LARGEST_BATCH, Embedder

PATIENCE_S = 0.1
"""How long a crop waits for those of other cameras' frames."""
MOST_WAITING = 4 * LARGEST_BATCH
"""Crops; one look at a crowd may bring more than a batch."""


class EmbeddingDesk:
    """Args:
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
        self._batcher = Batcher[Crop](LARGEST_BATCH, PATIENCE_S, MOST_WAITING)

    @property
    def is_due(self) -> bool:
        """Whether a batch should not wait any longer."""
        return self._batcher.is_due

    def put(self, crop: Crop) -> None:
        if self._batcher.put(crop):
            self._figures.crops["overflow"] += 1

    def embed_due(self) -> None:
        while self._batcher.is_due:
            self._embed()

    def embed_all(self) -> None:
        while self._batcher:
            self._embed()

    def _embed(self) -> None:
        closed_by = "full" if self._batcher.is_full else "deadline" if self._batcher.is_due else "idle"
        batch, started_s = self._batcher.take(), time.monotonic()
        embeddings = self._embedder.embed(batch.pixels)
        self._figures.note_batch(closed_by, batch.waited_s, time.monotonic() - started_s)
        self._tell([self._observation(*pair) for pair in zip(batch.crops, embeddings, strict=True)])

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
