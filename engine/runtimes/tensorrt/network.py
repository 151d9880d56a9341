"""What is known about a network before it is compiled, and the key of its plan."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import ModelProto

from engine.errors import PlanError
from engine.runtimes.tensorrt.builder import SIZES
from engine.runtimes.tensorrt.flavours import Flavour
from engine.runtimes.tensorrt.plans import PlanKey
from engine.runtimes.tensorrt.states import Gpu


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """An ONNX file of which only the batch is free."""

    model: ModelProto
    sha256: str
    row: tuple[int, ...]
    """Shape of the input without the batch, (3, H, W)."""

    @classmethod
    def read(cls, path: Path) -> "Network":
        """Raises PlanError where it has several inputs, or takes pictures of any size: such are not compiled."""
        try:
            data = path.read_bytes()
            model = onnx.load_from_string(data)
            [port] = model.graph.input
            row = tuple(dim.dim_value for dim in port.type.tensor_type.shape.dim)[1:]
        except Exception as error:  # protobuf's errors have no common type
            raise PlanError(
                f"{path.name} cannot be compiled ({type(error).__name__}). Another runtime serves"
            ) from error
        if len(row) != 3 or row[0] != 3 or not all(row):
            raise PlanError(f"{path.name} takes pictures of any size; those are not compiled. Another runtime serves")
        return cls(model, hashlib.sha256(data).hexdigest(), row)

    def key(self, flavour: Flavour, gpu: Gpu) -> PlanKey:
        sm = f"{gpu.sm[0]}.{gpu.sm[1]}"
        return PlanKey(self.sha256, flavour.name, flavour.version, gpu.name, sm, SIZES)
