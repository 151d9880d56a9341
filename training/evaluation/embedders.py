"""What can be measured beside our own network: the teachers it learnt from, and research models."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engine.embedder import Embedder
from engine.manifests import find_model
from engine.runtimes import Execution
from training.evaluation.fairness import Embed
from training.paths import SHARED
from training.teachers import TEACHERS, unit

BATCH = 32
RESEARCH = {"edgeface_xs": 112, "w600k_mbf": 112}
"""For comparison only: their weights may not be used commercially. Side of the input in pixels; RGB in -1..1."""


class OnnxEmbedder:
    """A network in shared/models, which no manifest describes."""

    def __init__(self, name: str, prepare: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> None:
        path = SHARED / "models" / f"{name}.onnx"
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 2, 3
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input, self._prepare = self._session.get_inputs()[0].name, prepare
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        batches = [crops[start : start + BATCH] for start in range(0, len(crops), BATCH)]
        return np.concatenate([self._run(batch) for batch in batches])

    def _run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        raw = self._session.run(None, {self._input: self._prepare(batch)})[0]
        return unit(np.asarray(raw, np.float32).reshape(len(batch), -1))


def arcface_input(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 112, 112, 3) uint8 BGR to (N, 3, 112, 112) float32 RGB in -1..1."""
    return np.asarray(cv2.dnn.blobFromImages(list(crops), 1 / 127.5, mean=(127.5,) * 3, swapRB=True), np.float32)


def load_embedder(name: str, folders: Sequence[Path] = ()) -> tuple[Embed, str]:
    """Returns an embedder and its digest: one of shared/models by its name there, or one that has a manifest.

    Raises:
        ModelError: there is no such manifest.
    """
    if name in TEACHERS or name in RESEARCH:
        other = OnnxEmbedder(name, TEACHERS.get(name, arcface_input))
        return other, other.digest
    ours = Embedder.load(find_model(name, folders), Execution(threads=2))
    return ours.embed, ours.digest
