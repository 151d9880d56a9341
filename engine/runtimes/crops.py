"""Crops as bytes: what is given to a network of crops, whatever executes it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from engine.runtimes import Inputs, Runtime

if TYPE_CHECKING:  # where only a GPU is tested, there is no pydantic
    from engine.manifests import ModelSpec

CROPS = "crops"


@dataclass(frozen=True, slots=True)
class CropInput:
    """What is done to the pixels before the network, by its manifest."""

    mean: float
    """Subtracted from every channel."""
    std: float
    """Divides every channel after that."""
    swap: bool
    """Whether the network wants RGB."""

    def blob(self, crops: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
        """Writes crops, (N, H, W, 3) uint8 BGR, as the network takes them, (N, 3, H, W) float32."""
        planes = crops.transpose(0, 3, 1, 2)
        np.subtract(planes[:, ::-1] if self.swap else planes, np.float32(self.mean), out=out)
        out *= np.float32(1 / self.std)


@dataclass(frozen=True, slots=True)
class CropNetwork:
    """An ONNX file with one input, (N, 3, H, W) float32, and what comes before it."""

    path: Path
    input: CropInput


def crop_network(spec: "ModelSpec") -> CropNetwork:
    """Returns a model's file with what comes before it. Raises ModelError: not installed, or altered."""
    return CropNetwork(spec.verified_path(), CropInput(spec.mean, spec.std, swap=spec.colour == "rgb"))


class CropRuntime:
    """Takes `crops`, (N, H, W, 3) uint8 BGR, for a runtime whose network takes floats."""

    input_names = (CROPS,)

    def __init__(self, runtime: Runtime, crops: CropInput) -> None:
        self._runtime, self._crops = runtime, crops
        self._blob = np.empty((0, 3, 0, 0), np.float32)

    @property
    def name(self) -> str:
        return self._runtime.name

    def run(self, inputs: Inputs) -> dict[str, NDArray[np.float32]]:
        crops = cast(NDArray[np.uint8], inputs[CROPS])
        rows, height, width, _ = crops.shape
        if len(self._blob) < rows or self._blob.shape[2:] != (height, width):
            self._blob = np.empty((rows, 3, height, width), np.float32)
        blob = self._blob[:rows]
        self._crops.blob(crops, blob)
        return self._runtime.run({self._runtime.input_names[0]: blob})
