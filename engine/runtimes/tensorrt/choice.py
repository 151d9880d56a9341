"""Whether a network goes over to TensorRT, and why not."""

import logging
from functools import partial
from pathlib import Path

from engine.runtimes import Runtime
from engine.runtimes.crops import CropNetwork
from engine.runtimes.swapping import SwappingRuntime
from engine.runtimes.tensorrt.states import EVERY_FLAVOUR, find_gpu, find_state

logger = logging.getLogger(__name__)


def with_tensorrt(serving: Runtime, network: CropNetwork, plans: Path, asked: bool) -> Runtime:
    """Returns a runtime that goes over to TensorRT when its plan is ready, or the serving one where that cannot be.

    Args:
        serving: runs the network meanwhile, and again if the GPU fails.
        network: what it runs.
        plans: folder of the compiled plans.
        asked: whether somebody wants TensorRT by name, and is told why it cannot be used.
    """
    if not asked and isinstance(find_gpu(), tuple):
        return serving  # most machines: TensorRT is not even imported
    states = [find_state(flavour) for flavour in EVERY_FLAVOUR]
    for state in states:
        if state.state == "ready":
            from engine.runtimes.tensorrt.loading import load_tensorrt  # imports CUDA

            return SwappingRuntime(serving, partial(load_tensorrt, state.flavour, network, plans))
    level = logging.WARNING if asked else logging.INFO
    for state in states:
        logger.log(
            level,
            "tensorrt_unavailable flavour=%s state='%s' cause='%s' fix='%s'",
            state.flavour,
            state.state,
            state.detail,
            state.fix,
        )
    return serving
