"""From an ONNX file to a TensorRT runtime: by the stored plan, or one that is built now."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from engine.errors import PlanError
from engine.runtimes.crops import CropNetwork
from engine.runtimes.tensorrt.compile import compile_apart
from engine.runtimes.tensorrt.flavours import FlavourName
from engine.runtimes.tensorrt.network import Network
from engine.runtimes.tensorrt.runtime import TensorRtRuntime
from engine.runtimes.tensorrt.site import Site

logger = logging.getLogger(__name__)


def load_tensorrt(flavour: FlavourName, network: CropNetwork, folder: Path) -> TensorRtRuntime:
    """Returns the network on this machine's GPU; builds and accepts its plan where the folder holds none.

    Raises:
        PlanError: TensorRT is not ready, there can be no plan, or the GPU refuses it twice.
        GpuError: the GPU failed, or its memory is exhausted.
    """
    return load_at(Site.find(flavour, folder), network, partial(compile_apart, flavour, network, folder))


def load_at(site: Site, network: CropNetwork, build: Callable[[], None]) -> TensorRtRuntime:
    """Does what `load_tensorrt` does; `build` puts a plan into the site's folder, or raises."""
    key = site.key(Network.read(network))
    plan = site.store.read(key)
    if plan is not None:
        try:
            return site.run(plan, kernels=site.store.read_kernels(key))
        except PlanError as error:
            logger.warning("plan_rebuilt name=%s cause='%s'", key.name, error)
            site.store.delete(key)
    name, flavour = network.path.name, site.flavour
    logger.info("plan_building network=%s flavour=%s version=%s", name, flavour.name, flavour.version)
    build()
    plan = site.store.read(key)
    if plan is None:
        raise PlanError(f"the plan of {name} vanished after it was built. Another runtime serves")
    return site.run(plan, kernels=site.store.read_kernels(key))
