"""A plan on the GPU, and lanes on which its batches run side by side."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import GpuError, PlanError
from engine.runtimes.tensorrt import cuda
from engine.runtimes.tensorrt.flavours import Flavour

logger = logging.getLogger(__name__)

STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Batch sizes that are captured as graphs; others are filled up, by a third of their rows at most. A graph for every
size would cost more memory, and a pause whenever a new size occurs."""
TYPES = {"FLOAT": np.float32, "HALF": np.float16, "UINT8": np.uint8, "INT32": np.int32}


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the network."""

    name: str
    row: tuple[int, ...]
    """Its shape without the batch."""
    dtype: type
    is_input: bool


class Engine:
    """A plan, ready for lanes."""

    def __init__(self, flavour: Flavour, plan: bytes, kernels: bytes | None = None, gpu: Any = cuda) -> None:
        """Raises PlanError where this TensorRT or this GPU refuses the plan.

        Args:
            flavour: the one that compiled the plan.
            plan: as `build_plan` gave it.
            kernels: of an earlier process.
            gpu: gives memory and streams.
        """
        self.flavour, self.gpu = flavour, gpu
        self._runtime = flavour.new("Runtime")
        self.plan = self._runtime.deserialize_cuda_engine(plan)
        if self.plan is None:
            raise flavour.failed("refuses the plan")
        self._jit = flavour.jit(self.plan, kernels)
        names = [self.plan.get_tensor_name(index) for index in range(self.plan.num_io_tensors)]
        self.ports = tuple(self._port(name) for name in names)
        first = next(port.name for port in self.ports if port.is_input)
        self._largest = [
            int(self.plan.get_tensor_profile_shape(first, index)[2][0])
            for index in range(self.plan.num_optimization_profiles)
        ]

    @property
    def largest(self) -> int:
        """Most rows of a batch."""
        return max(self._largest)

    @property
    def steps(self) -> tuple[int, ...]:
        """Batch sizes that are captured."""
        return (*(step for step in STEPS if step < self.largest), self.largest)

    def context(self) -> Any:
        """Returns an execution context without memory. Raises PlanError."""
        context = self.flavour.context(self.plan, self._jit)
        if context is None:
            raise self.flavour.failed("gives no execution context")
        return context

    def kernels(self) -> bytes | None:
        """Returns what was compiled while batches ran; None for flavours that compile everything beforehand."""
        return None if self._jit is None else bytes(self._jit.cache.serialize())

    def profile_of(self, rows: int) -> int:
        return next(index for index, largest in enumerate(self._largest) if rows <= largest)

    def _port(self, name: str) -> Port:
        mode = self.plan.get_tensor_mode(name)
        dtype = TYPES[self.plan.get_tensor_dtype(name).name]
        row = tuple(int(size) for size in self.plan.get_tensor_shape(name))[1:]
        return Port(name, row, dtype, mode == self.flavour.trt.TensorIOMode.INPUT)


class Lane:
    """A stream with its own buffers: batches on it follow each other, batches on several lanes overlap.

    Write rows into `inputs`, `launch`, do something else, `wait`, read rows of `outputs`.
    """

    def __init__(self, engine: Engine) -> None:
        """Raises GpuMemoryError where the GPU has no memory for it."""
        self._engine, self._stream = engine, engine.gpu.Stream()
        arrays = {port.name: engine.gpu.pinned((engine.largest, *port.row), port.dtype) for port in engine.ports}
        self._on_gpu = {name: engine.gpu.Memory(array.nbytes) for name, array in arrays.items()}
        self._scratch = engine.gpu.Memory(engine.flavour.scratch_bytes(engine.plan))
        self.inputs: dict[str, NDArray[Any]] = {p.name: arrays[p.name] for p in engine.ports if p.is_input}
        """(largest, ...) pinned memory by input name."""
        self.outputs: dict[str, NDArray[Any]] = {p.name: arrays[p.name] for p in engine.ports if not p.is_input}
        """(largest, ...) pinned memory by output name; valid from `wait` to the next `launch`."""
        self._launches: dict[int, Callable[[], None]] = {}
        self._contexts: list[Any] = []  # a graph is valid as long as the context lives of which it was captured

    def launch(self, rows: int) -> None:
        """Starts a batch of the first `rows` rows of the inputs, and does not wait for it."""
        size = next(step for step in self._engine.steps if step >= rows)
        if size not in self._launches:
            self._launches[size] = self._prepared(size)
        self._launches[size]()
        self._stream.mark()

    def wait(self) -> None:
        """Waits until the outputs of the last launch are there."""
        self._stream.wait()

    def _prepared(self, rows: int) -> Callable[[], None]:
        """Returns what runs a batch of this size, by one call where the stream can be captured."""
        work = partial(self._work, self._context(rows), rows)
        work()  # the first run of a shape does more than the ones that follow
        self._stream.drain()
        try:
            launch: Callable[[], None] = self._stream.captured(work)
            launch()
            self._stream.drain()
        except (GpuError, PlanError) as error:
            logger.warning("cuda_graph_refused rows=%d cause='%s'", rows, error)
            return work
        return launch

    def _context(self, rows: int) -> Any:
        flavour, engine, stream = self._engine.flavour, self._engine, self._stream
        context = engine.context()
        self._contexts.append(context)
        done = context.set_optimization_profile_async(engine.profile_of(rows), stream.handle)
        for port in engine.ports:
            if port.is_input:
                done &= context.set_input_shape(port.name, (rows, *port.row))
            done &= context.set_tensor_address(port.name, self._on_gpu[port.name].address)
        flavour.give_scratch(context, self._scratch.address, self._scratch.size)
        if not done or context.infer_shapes():
            raise flavour.failed(f"refuses a batch of {rows}")
        stream.drain()
        return context

    def _work(self, context: Any, rows: int) -> None:
        for name, array in self.inputs.items():
            self._stream.upload(self._on_gpu[name], array[:rows])
        if not context.execute_async_v3(self._stream.handle):
            raise self._engine.flavour.failed("cannot run a batch")
        for name, array in self.outputs.items():
            self._stream.download(array[:rows], self._on_gpu[name])
