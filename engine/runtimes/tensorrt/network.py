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
        """Raises PlanError where it is not (N, 3, H, W) with a free N that goes in: such are not compiled."""
        try:
            data = path.read_bytes()
            model = onnx.load_from_string(data)
        except Exception as error:  # protobuf's errors have no common type
            raise _refused(path, f"cannot be read ({type(error).__name__})") from error
        weights = {tensor.name for tensor in model.graph.initializer}
        inputs = [port for port in model.graph.input if port.name not in weights]
        if len(inputs) != 1:
            raise _refused(path, f"has {len(inputs)} inputs")
        batch, *row = [dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim] or [0]
        if batch or len(row) != 3 or not all(row):
            raise _refused(path, "takes another number of pictures, or pictures of any size")
        return cls(model, hashlib.sha256(data).hexdigest(), tuple(row))

    def key(self, flavour: Flavour, gpu: Gpu) -> PlanKey:
        sm = f"{gpu.sm[0]}.{gpu.sm[1]}"
        return PlanKey(self.sha256, flavour.name, flavour.version, gpu.name, sm, SIZES)


def _refused(path: Path, why: str) -> PlanError:
    return PlanError(f"{path.name} is not compiled: it {why}. Another runtime serves")
