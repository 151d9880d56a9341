"""Aligned crops to embeddings."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from config import Settings
from engine.errors import ImageError, ModelError
from engine.manifests import ModelSpec, find_model
from engine.runtimes import DEFAULTS, Execution, Runtime, load_runtime
from engine.runtimes.crops import CROPS, crop_network

LARGEST_BATCH = 32
"""Crops that the network sees at once; it bounds memory, more of them are no faster."""
BEST_BATCH = 8
"""Crops with which a face costs least on a processor; more only make the first wait for the last."""


class Embedder:
    """A network that turns faces into points on a sphere: the nearer, the more alike."""

    def __init__(self, spec: ModelSpec, runtime: Runtime) -> None:
        """Raises ModelError where the network's output is not what the manifest says."""
        if spec.dimension is None or spec.threshold is None or spec.input_size is None:
            raise ModelError(f"model {spec.name} is no embedder but a {spec.task}. See `deconvid models list`")
        self.spec, self.runtime = spec, runtime
        self.dimension, self.threshold, self.size = spec.dimension, spec.threshold, spec.input_size
        # A wrong manifest must stop the start, not the first face; it also takes the first run's delay.
        self.embed(np.zeros((1, self.size, self.size, 3), np.uint8))

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        how: Execution = DEFAULTS,
    ) -> Self:
        """Returns an embedder that is ready to use.

        Args:
            spec: its manifest.
            how: it is executed.

        Raises:
            ModelError: no embedder, not installed, altered, or not loadable.
            RuntimeUnavailableError: the runtime cannot be imported, or has not that precision.
        """
        side = spec.input_size or 0
        network = crop_network(spec)
        return cls(spec, load_runtime(network.path, how, usual=(BEST_BATCH, 3, side, side), crops=network.input))

    @classmethod
    def of(cls, settings: Settings, compiles: bool = False) -> Self:
        """Returns the embedder that the settings name; raises what `load` does.

        Args:
            compiles: it goes over to a GPU where there is one, for which it may have to be compiled for minutes: for
                who runs for long. Else the processor does it.
        """
        chosen = settings.embedding
        spec = find_model(chosen.model, settings.models)
        places = settings.runtime_calibrations, settings.plans_folder if compiles else None
        return cls.load(spec, Execution(chosen.runtime, chosen.threads, chosen.precision, *places))

    @property
    def digest(self) -> str:
        """SHA-256 of the network; only embeddings of one digest may be compared."""
        return self.spec.sha256

    def warm_up(self) -> None:
        """Sees batches of every usual size, so that what a runtime keeps for each is kept from the start.

        OpenVINO keeps up to 14 MB a size, and less of it when the largest comes first; ONNX Runtime plans its memory
        when the largest comes again.
        """
        for count in (BEST_BATCH, *range(BEST_BATCH, 0, -1)):
            self.embed(np.zeros((count, self.size, self.size, 3), np.uint8))

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the embeddings of aligned crops.

        Args:
            crops: (N, size, size, 3) uint8 BGR, N may be 0.

        Returns:
            (N, D) float32, L2 norm 1.

        Raises:
            ImageError: the crops have another shape or type.
            ModelError: the network gives what is no embedding.
        """
        if crops.dtype != np.uint8 or crops.shape[1:] != (self.size, self.size, 3):
            wanted = f"(N, {self.size}, {self.size}, 3)"
            raise ImageError(f"crops must be uint8 {wanted}, not {crops.dtype} {crops.shape}. Align the faces first")
        embeddings = np.empty((len(crops), self.dimension), np.float32)
        for start in range(0, len(crops), LARGEST_BATCH):
            stop = start + LARGEST_BATCH
            embeddings[start:stop] = self._embed(crops[start:stop])
        return embeddings

    def _embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        outputs = self.runtime.run({CROPS: crops})
        raw = next(iter(outputs.values()))
        if raw.shape != (len(crops), self.dimension):
            raise ModelError(
                f"model {self.spec.name} gives {raw.shape} for {len(crops)} crops, its manifest says dimension "
                f"{self.dimension}. Correct the manifest"
            )
        norms = np.linalg.norm(raw, axis=1, keepdims=True)
        if not (np.isfinite(norms) & (norms > 0)).all():
            raise ModelError(
                f"model {self.spec.name} gives embeddings without a direction. Use another runtime or model"
            )
        unit: NDArray[np.float32] = raw / norms
        return unit
