"""Compiles an ONNX network into a plan. It takes seconds with RTX and minutes with the full TensorRT."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onnx import ModelProto

from engine.runtimes.tensorrt.flavours import Flavour
from engine.runtimes.tensorrt.half import to_half
from engine.runtimes.tensorrt.progress import Tell, monitor
from engine.runtimes.tensorrt.simplify import simplified

SIZES = (1, 8, 32, 128)
"""Batches for which kernels are chosen; a batch in between uses those of the next one."""
WORKSPACE_BYTES = 1 << 30


def build_plan(
    flavour: Flavour,
    model: ModelProto,
    sizes: Sequence[int] = SIZES,
    timing_cache: Path | None = None,
    target: str | None = None,
    tell: Tell | None = None,
) -> bytes:
    """Returns the plan of a network, in FP16 with FP32 inputs and outputs.

    Args:
        flavour: what compiles. The full TensorRT must be on the machine with the GPU, RTX need not.
        model: FP32; of each input only the first dimension, the batch, may be free.
        sizes: batch sizes, ascending.
        timing_cache: file that keeps what was measured, so that the next build is faster; not for RTX.
        target: compute capability for RTX, such as SM89 or CURRENT; unset: every one that it knows.
        tell: is given lines about the progress, if the flavour tells it.

    Raises:
        PlanError: with what TensorRT said; its parser refuses a node, or no kernel is found.
    """
    trt = flavour.trt
    builder = flavour.new("Builder")
    network = builder.create_network(flavour.network_flags())
    parser = trt.OnnxParser(network, flavour.messages)
    if not parser.parse(prepared(flavour, model).SerializeToString()):
        flavour.messages.errors.extend(parser.get_error(i).desc() for i in range(parser.num_errors))
        raise flavour.failed("cannot read the network")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    flavour.configure(config, network)
    for profile in _profiles(builder, network, sizes):
        config.add_optimization_profile(profile)
    if target is not None:
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(trt.ComputeCapability, target), 0)
    if flavour.name == "trt" and timing_cache is not None:
        known = timing_cache.read_bytes() if timing_cache.is_file() else b""
        cache = config.create_timing_cache(known) or config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    if tell is not None and (watching := monitor(flavour, tell)) is not None:
        config.progress_monitor = watching
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise flavour.failed("cannot compile the network")
    if flavour.name == "trt" and timing_cache is not None:
        timing_cache.write_bytes(bytes(config.get_timing_cache().serialize()))
    return bytes(plan)


def prepared(flavour: Flavour, model: ModelProto) -> ModelProto:
    """Returns the network as this flavour wants it: FP16 in the graph, or FP32 where a flag allows FP16."""
    return to_half(model) if flavour.strongly_typed else simplified(model)


def _profiles(builder: Any, network: Any, sizes: Sequence[int]) -> list[Any]:
    """Returns a profile for each size, which begins where the smaller one ends."""
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    profiles = []
    for smaller, size in zip((0, *sizes[:-1]), sizes, strict=True):
        profile = builder.create_optimization_profile()
        for tensor in inputs:
            rest = tuple(tensor.shape)[1:]
            profile.set_shape(tensor.name, (smaller + 1, *rest), (size, *rest), (size, *rest))
        profiles.append(profile)
    return profiles
