"""What the GPU benchmarks share: the network, its inputs, its cost, and a report that grows part by part."""

import hashlib
import json
import tomllib
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, shape_inference

import engine
from engine.probes import probe_crops
from engine.runtimes.crops import CropInput, CropNetwork
from engine.runtimes.tensorrt.simplify import simplified

BATCHES = (1, 8, 32, 128, 256)
SHIPPED = Path(engine.__file__).parent / "models"
"""As in engine/manifests.py, which needs pydantic; a machine that is lent with its GPU often has none."""


def shipped_network() -> Path:
    """Returns the embedder that ships."""
    [probes] = SHIPPED.glob("*.probes.npy")
    return probes.with_name(probes.name.replace(".probes.npy", ".onnx"))


@dataclass(frozen=True)
class Model:
    """A network and its manifest."""

    path: Path

    @cached_property
    def onnx(self) -> ModelProto:
        return onnx.load(self.path)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return tomllib.loads(self.path.with_suffix(".toml").read_text())

    @property
    def input_name(self) -> str:
        return str(self.onnx.graph.input[0].name)

    @property
    def description(self) -> dict[str, object]:
        digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        return {"name": self.path.stem, "sha256": digest, "million_macs_a_face": round(self.macs / 1e6, 1)}

    @cached_property
    def macs(self) -> int:
        """Multiplications of one face in convolutions, deconvolutions and matrix products."""
        graph = shape_inference.infer_shapes(simplified(self.onnx)).graph
        values = [*graph.value_info, *graph.input, *graph.output]
        sizes = {v.name: [d.dim_value or 1 for d in v.type.tensor_type.shape.dim] for v in values}
        sizes |= {tensor.name: list(tensor.dims) for tensor in graph.initializer}
        return sum(_macs(node, sizes) for node in graph.node)

    @property
    def network(self) -> CropNetwork:
        manifest = self.manifest
        return CropNetwork(self.path, CropInput(manifest["mean"], manifest["std"], manifest["colour"] == "rgb"))

    def blob(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns (N, 3, H, W) float32 as the network takes it, of (N, H, W, 3) uint8 BGR."""
        blob = np.empty((len(crops), 3, *crops.shape[1:3]), np.float32)
        self.network.input.blob(crops, blob)
        return blob


def _macs(node: Any, sizes: dict[str, list[int]]) -> int:
    if node.op_type not in {"Conv", "ConvTranspose", "Gemm"}:
        return 0
    weight = sizes[node.input[1]]
    if node.op_type == "Gemm":
        return int(np.prod(weight))
    where = sizes[(node.output if node.op_type == "Conv" else node.input)[0]]
    return int(np.prod(weight) * np.prod(where[2:]))


def structured_and_random(count: int, side: int = 112) -> dict[str, NDArray[np.uint8]]:
    """Returns crops (count, side, side, 3) uint8: the probes with which plans are accepted, and noise."""
    probes = probe_crops()
    repeated = np.concatenate([np.roll(probes, shift, axis=2) for shift in range(0, -(-count // len(probes)))])
    noise = np.random.default_rng(1).integers(0, 256, (count, side, side, 3), np.uint8)
    return {"structured": repeated[:count], "random": noise}


def cosines(first: NDArray[np.float32], second: NDArray[np.float32]) -> dict[str, float]:
    both = (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    return {"min": float(both.min()), "mean": float(both.mean())}


class Report:
    """A JSON file that several programs add their parts to, and that is whole after each of them."""

    def __init__(self, path: Path | None, section: str) -> None:
        self._path, self._section = path, section
        self.parts: dict[str, Any] = {}

    def add(self, name: str, measure: Callable[[], object]) -> object:
        """Measures a part; one that fails is told, and the next goes on."""
        print(f"--- {self._section} {name}", flush=True)
        try:
            self.parts[name] = measure()
        except Exception as error:  # of any library: what it said is what one wants to know
            traceback.print_exc()
            self.parts[name] = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(self.parts[name]), flush=True)
        self._write()
        return self.parts[name]

    def _write(self) -> None:
        if self._path is None:
            return
        whole = json.loads(self._path.read_text()) if self._path.exists() else {}
        whole[self._section] = self.parts
        self._path.write_text(json.dumps(whole, indent=1) + "\n")
