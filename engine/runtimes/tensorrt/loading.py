"""From an ONNX file to a TensorRT runtime: the stored plan, or one that is built now."""

import logging
from pathlib import Path

from engine.errors import PlanError
from engine.runtimes.onnxruntime import OnnxRuntime
from engine.runtimes.tensorrt.acceptance import accept
from engine.runtimes.tensorrt.builder import SIZES
from engine.runtimes.tensorrt.compile import compile_apart
from engine.runtimes.tensorrt.flavours import FlavourName, load_flavour
from engine.runtimes.tensorrt.network import Network
from engine.runtimes.tensorrt.plans import PlanStore
from engine.runtimes.tensorrt.runtime import TensorRtRuntime
from engine.runtimes.tensorrt.states import find_state

logger = logging.getLogger(__name__)


def load_tensorrt(flavour: FlavourName, path: Path, folder: Path) -> TensorRtRuntime:
    """Returns the network on the GPU; builds and accepts its plan where the folder holds none.

    Raises:
        PlanError: there can be no plan, or the GPU refuses it twice.
        GpuError: the GPU failed, or its memory is exhausted.
    """
    state = find_state(flavour)
    if state.gpu is None:
        raise PlanError(f"{flavour}: {state.state}: {state.detail}. {state.fix}")
    loaded, store = load_flavour(flavour), PlanStore(folder)
    key = Network.read(path).key(loaded, state.gpu)
    plan = store.read(key)
    if plan is not None:
        try:
            return _warmed(TensorRtRuntime(loaded, plan, kernels=store.read_kernels(key)))
        except PlanError as error:
            logger.warning("plan_rebuilt name=%s cause='%s'", key.name, error)
            store.delete(key)
    logger.info("plan_building network=%s flavour=%s version=%s", path.name, flavour, loaded.version)
    compile_apart(flavour, path, folder)
    plan = store.read(key)
    if plan is None:
        raise PlanError(f"the plan of {path.name} vanished after it was built. Another runtime serves")
    return _warmed(TensorRtRuntime(loaded, plan, kernels=store.read_kernels(key)))


def check_again(flavour: FlavourName, path: Path, folder: Path) -> float:
    """Returns the least cosine between a stored plan's outputs and the processor's.

    Raises:
        PlanError: there is no plan, the GPU refuses it, or its outputs are others.
        GpuError: the GPU failed.
    """
    state, loaded, network = find_state(flavour), load_flavour(flavour), Network.read(path)
    plan = PlanStore(folder).read(network.key(loaded, state.gpu)) if state.gpu else None
    if plan is None:
        raise PlanError(f"there is no plan of {path.name}. Run `deconvid engines build`")
    return accept(TensorRtRuntime(loaded, plan, lanes=1), OnnxRuntime(path, 1, {}), network.row, SIZES)


def _warmed(runtime: TensorRtRuntime) -> TensorRtRuntime:
    runtime.warm()
    return runtime
