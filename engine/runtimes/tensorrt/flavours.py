"""One way to TensorRT 10.12 and later, TensorRT-RTX, and 8.6: what differs between them is in this file.

Networks are strongly typed (their precision stands in the ONNX graph) wherever that exists; 8.6 is told that it may use
FP16. Failures are mostly None and a line of log, so every object is made with a logger that keeps the lines.
"""

import importlib
import logging
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from engine.errors import PlanError

logger = logging.getLogger(__name__)

FlavourName = Literal["trt", "rtx"]
MODULES: dict[FlavourName, str] = {"trt": "tensorrt", "rtx": "tensorrt_rtx"}
KEPT_LINES = 8
OLDEST_SM = (7, 5)
"""Of TensorRT 10 and 11; RTX names the ones it knows."""
SM_OF_8 = ((5, 0), (9, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Jit:
    """What RTX compiles with at run time, and what it compiled."""

    config: Any
    cache: Any


@dataclass(frozen=True, eq=False)
class Flavour:
    """An imported TensorRT."""

    name: FlavourName
    trt: Any
    """The module."""
    messages: Any
    """Its logger; `errors` are the last lines."""

    @property
    def version(self) -> str:
        return str(self.trt.__version__)

    @property
    def strongly_typed(self) -> bool:
        return hasattr(self.trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED")

    def supports(self, sm: tuple[int, int]) -> bool:
        """Whether this version's documentation names the GPU's compute capability."""
        if self.name == "rtx":
            return hasattr(self.trt.ComputeCapability, f"SM{sm[0]}{sm[1]}")
        if self.version.startswith("8."):
            return SM_OF_8[0] <= sm <= SM_OF_8[1]
        return sm >= OLDEST_SM

    def new(self, kind: Literal["Builder", "Runtime"]) -> Any:
        """Returns an object with the logger. Raises PlanError where TensorRT cannot make it."""
        self.messages.errors.clear()
        try:
            return getattr(self.trt, kind)(self.messages)
        except TypeError as error:  # pybind11 was given a null pointer; the reason is in the log alone
            raise self.failed(f"gives no {kind}") from error

    def network_flags(self) -> int:
        known = self.trt.NetworkDefinitionCreationFlag
        wanted = ("EXPLICIT_BATCH", "STRONGLY_TYPED") if self.version.startswith("8.") else ("STRONGLY_TYPED",)
        return sum(1 << int(getattr(known, name)) for name in wanted if hasattr(known, name))

    def configure(self, config: Any, network: Any) -> None:
        """Sets what this flavour needs for FP16 in a graph that can be launched at once."""
        trt = self.trt
        if self.name == "rtx":
            config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)
        if not self.strongly_typed:
            config.set_flag(trt.BuilderFlag.FP16)
            config.set_flag(trt.BuilderFlag.PREFER_PRECISION_CONSTRAINTS)
            # Neither cuBLAS nor cuDNN, which 8.6 wants in their versions of 2023.
            sources = (trt.TacticSource.EDGE_MASK_CONVOLUTIONS, trt.TacticSource.JIT_CONVOLUTIONS)
            config.set_tactic_sources(sum(1 << int(source) for source in sources))
            # As it always is since 10: several contexts may use one profile.
            config.set_preview_feature(trt.PreviewFeature.PROFILE_SHARING_0806, True)
            _keep_tail_exact(trt, network)

    def jit(self, engine: Any, kernels: bytes | None) -> "Jit | None":
        """Returns how RTX compiles kernels while batches run; the other flavours compile everything beforehand.

        Args:
            engine: of this flavour.
            kernels: of an earlier process; refused by RTX where they are of another version, GPU or driver.
        """
        if self.name != "rtx":
            return None
        config = engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(self.trt.ExecutionContextAllocationStrategy.USER_MANAGED)
        # A graph would keep the slow kernels with which RTX bridges the time until those of a shape are compiled.
        config.dynamic_shapes_kernel_specialization_strategy = self.trt.DynamicShapesKernelSpecializationStrategy.EAGER
        cache = config.create_runtime_cache()
        if kernels and not cache.deserialize(kernels):
            logger.info("kernels_refused")
        config.set_runtime_cache(cache)
        return Jit(config, cache)

    def context(self, engine: Any, jit: "Jit | None") -> Any:
        """Returns an execution context without memory of its own, or None."""
        if jit is not None:
            return engine.create_execution_context(jit.config)
        if hasattr(engine, "device_memory_size_v2"):
            return engine.create_execution_context(self.trt.ExecutionContextAllocationStrategy.USER_MANAGED)
        return engine.create_execution_context_without_device_memory()

    def scratch_bytes(self, engine: Any) -> int:
        """Memory that a context of this engine needs while it works, whatever the batch."""
        modern = hasattr(engine, "device_memory_size_v2")
        return int(engine.device_memory_size_v2 if modern else engine.device_memory_size)

    def give_scratch(self, context: Any, address: int, size: int) -> None:
        if hasattr(context, "set_device_memory"):
            context.set_device_memory(address, size)
        else:
            context.device_memory = address

    def failed(self, what: str) -> PlanError:
        """Returns the error for a call that gave None, with what TensorRT said about it."""
        said = "; ".join(self.messages.errors) or "it gave no reason"
        return PlanError(f"{self.trt.__name__} {self.version} {what}: {said}. The processor's runtime goes on")


@cache
def load_flavour(name: FlavourName) -> Flavour:
    """Imports a flavour; `states.find_state` says beforehand whether it can be.

    Raises:
        ImportError: it is not installed, or its libraries are missing.
    """
    trt = importlib.import_module(MODULES[name])
    return Flavour(name, trt, _logger(trt))


def _logger(trt: Any) -> Any:
    class Messages(trt.ILogger):  # type: ignore[misc]
        """Keeps the last errors and hands everything on to Python's log."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: deque[str] = deque(maxlen=KEPT_LINES)

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(message.strip())
                logger.warning("tensorrt_error message=%s", message.strip())
            elif severity == trt.ILogger.WARNING:
                logger.debug("tensorrt_warning message=%s", message.strip())

    return Messages()


def _keep_tail_exact(trt: Any, network: Any) -> None:
    """Asks a weakly typed network for FP32 after the last layer that multiplies matrices: that is normalisation."""
    heavy = {"CONVOLUTION", "DECONVOLUTION", "FULLY_CONNECTED", "MATRIX_MULTIPLY"}
    exact = {"REDUCE", "UNARY", "ELEMENTWISE", "ACTIVATION"}
    for index in reversed(range(network.num_layers)):
        layer = network.get_layer(index)
        if layer.type.name in heavy:
            return
        if layer.type.name in exact and layer.get_output(0).dtype == trt.float32:
            layer.precision = trt.float32
            layer.set_output_type(0, trt.float32)
