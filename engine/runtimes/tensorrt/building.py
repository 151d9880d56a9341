"""From a network to a stored plan, in this process; `compile.py` runs it in one of its own."""

import os
import time
from collections.abc import Callable

from engine.errors import PlanError
from engine.runtimes.crops import CropNetwork, CropRuntime
from engine.runtimes.onnxruntime import OnnxRuntime
from engine.runtimes.tensorrt.acceptance import accept
from engine.runtimes.tensorrt.builder import SIZES, build_plan
from engine.runtimes.tensorrt.network import Network
from engine.runtimes.tensorrt.progress import Tell
from engine.runtimes.tensorrt.site import Site


def build_accepted(
    site: Site, source: CropNetwork, tell: Tell | None = None, build: Callable[..., bytes] = build_plan
) -> None:
    """Builds, accepts and stores the plan of a network, unless another process just did.

    Raises:
        PlanError: it cannot be compiled, or computes something else than the processor.
        GpuError: the GPU failed, or its memory is exhausted.
        OSError: the folder cannot be written.
    """
    network, store, flavour = Network.read(source), site.store, site.flavour
    key = site.key(network)
    with store.lock():
        if store.read(key) is not None:
            return
        begin = time.monotonic()
        timings = store.folder / f"{flavour.name}-{flavour.version}.timing"
        plan = build(flavour, network.model, SIZES, timings, tell=tell)
        seconds = time.monotonic() - begin
        candidate = site.run(plan, lanes=1)
        # The daemon decodes and embeds on the same processor meanwhile.
        reference = _reference(source, max(1, len(os.sched_getaffinity(0)) // 2))
        store.write(key, plan, accept(candidate, reference, network.crop, SIZES), seconds)
        if kernels := candidate.kernels():
            store.write_kernels(key, kernels)


def check_again(site: Site, source: CropNetwork) -> float:
    """Returns the least cosine between the outputs of a network's stored plan and the processor's.

    Raises:
        PlanError: there is no plan, the GPU refuses it, or its outputs are others.
        GpuError: the GPU failed.
    """
    network = Network.read(source)
    plan = site.store.read(site.key(network))
    if plan is None:
        raise PlanError(f"there is no plan of {source.path.name}. Run `deconvid engines build`")
    return accept(site.run(plan, lanes=1), _reference(source, 1), network.crop, SIZES)


def _reference(source: CropNetwork, threads: int) -> CropRuntime:
    return CropRuntime(OnnxRuntime(source.path, threads), source.input)
