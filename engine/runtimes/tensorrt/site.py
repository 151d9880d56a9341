"""Where plans are built and run: a TensorRT, a GPU, and a folder. Importing this imports CUDA."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import PlanError
from engine.runtimes.tensorrt import cuda
from engine.runtimes.tensorrt.flavours import Flavour, FlavourName, load_flavour
from engine.runtimes.tensorrt.network import Network
from engine.runtimes.tensorrt.plans import PlanKey, PlanStore
from engine.runtimes.tensorrt.runtime import LANES, TensorRtRuntime
from engine.runtimes.tensorrt.states import Gpu, find_state


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    flavour: Flavour
    gpu: Gpu
    store: PlanStore
    memory: Any = cuda
    """Gives GPU memory and streams."""

    @classmethod
    def find(cls, name: FlavourName, folder: Path) -> "Site":
        """Returns this machine's. Raises PlanError where that flavour is not ready."""
        state = find_state(name)
        if state.state != "ready" or state.gpu is None:
            raise PlanError(f"{name}: {state.state}: {state.detail}. {state.fix}")
        return cls(load_flavour(name), state.gpu, PlanStore(folder))

    def key(self, network: Network) -> PlanKey:
        return network.key(self.flavour, self.gpu)

    def run(self, plan: bytes, lanes: int = LANES, kernels: bytes | None = None) -> TensorRtRuntime:
        """Returns a runtime with every batch size captured. Raises PlanError or GpuError."""
        runtime = TensorRtRuntime(self.flavour, plan, lanes, kernels, self.memory)
        runtime.warm()
        return runtime
