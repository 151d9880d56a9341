"""Whether a network goes over to TensorRT, and why not."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from engine.runtimes import Runtime
from engine.runtimes.crops import CropNetwork
from engine.runtimes.swapping import SwappingRuntime
from engine.runtimes.tensorrt.flavours import FlavourName
from engine.runtimes.tensorrt.states import EVERY_FLAVOUR, Gpu, TensorRtState, find_gpu, find_state

logger = logging.getLogger(__name__)


def with_tensorrt(
    serving: Runtime,
    network: CropNetwork,
    plans: Path,
    asked: bool,
    gpu: Callable[[], Gpu | tuple[str, str]] = find_gpu,
    state: Callable[[FlavourName], TensorRtState] = find_state,
    load: Callable[[FlavourName, CropNetwork, Path], Runtime] | None = None,
) -> Runtime:
    """Returns a runtime that goes over to TensorRT when its plan is ready, or the serving one where that cannot be.

    Args:
        serving: runs the network meanwhile, and again if the GPU fails.
        network: what it runs.
        plans: folder of the compiled plans.
        asked: whether somebody wants TensorRT by name, and is told why it cannot be used.
        gpu, state, load: find the GPU and what can be used, and load a network on it.
    """
    if not asked and isinstance(gpu(), tuple):
        return serving  # most machines: TensorRT is not even imported
    states = [state(flavour) for flavour in EVERY_FLAVOUR]
    for found in states:
        if found.state == "ready":
            return SwappingRuntime(serving, partial(load or _load, found.flavour, network, plans))
    level = logging.WARNING if asked else logging.INFO
    for found in states:
        logger.log(
            level,
            "tensorrt_unavailable flavour=%s state='%s' cause='%s' fix='%s'",
            found.flavour,
            found.state,
            found.detail,
            found.fix,
        )
    return serving


def _load(flavour: FlavourName, network: CropNetwork, plans: Path) -> Runtime:
    from engine.runtimes.tensorrt.loading import load_tensorrt  # imports CUDA

    return load_tensorrt(flavour, network, plans)
