"""What is known about a network before it is compiled, and the key of its plan."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import ModelProto

from engine.errors import PlanError
from engine.runtimes.crops import CropInput, CropNetwork
from engine.runtimes.tensorrt.builder import SIZES
from engine.runtimes.tensorrt.crops import takes_crops
from engine.runtimes.tensorrt.flavours import Flavour
from engine.runtimes.tensorrt.plans import PlanKey
from engine.runtimes.tensorrt.states import Gpu


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """An embedder's file, of whose input only the batch is free."""

    model: ModelProto
    """Takes `crops`."""
    sha256: str
    """Of the file."""
    input: CropInput
    crop: tuple[int, ...]
    """(H, W, 3)."""

    @classmethod
    def read(cls, source: CropNetwork) -> "Network":
        """Raises PlanError where it is not (N, 3, H, W) with a free N that goes in: such are not compiled."""
        path = source.path
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
        if batch or len(row) != 3 or row[0] != 3 or not all(row):
            raise _refused(path, "takes another number of pictures, or pictures of any size")
        digest = hashlib.sha256(data).hexdigest()
        return cls(takes_crops(model, source.input), digest, source.input, (*row[1:], 3))

    def key(self, flavour: Flavour, gpu: Gpu) -> PlanKey:
        sm = f"{gpu.sm[0]}.{gpu.sm[1]}"
        return PlanKey(self.sha256, flavour.name, flavour.version, gpu.name, sm, str(self.input), SIZES)


def _refused(path: Path, why: str) -> PlanError:
    return PlanError(f"{path.name} is not compiled: it {why}. Another runtime serves")
