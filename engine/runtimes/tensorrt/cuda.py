"""GPU memory, streams, events and graphs, by NVIDIA's `cuda-bindings`. Nothing here waits for the GPU but `wait`."""

import ctypes
import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from cuda.bindings import runtime as cudart
from numpy.typing import DTypeLike, NDArray

from engine.errors import GpuError, GpuMemoryError

IN, OUT = cudart.cudaMemcpyKind.cudaMemcpyHostToDevice, cudart.cudaMemcpyKind.cudaMemcpyDeviceToHost


def checked(result: tuple[Any, ...]) -> Any:
    """Returns what a CUDA call gave besides its status.

    Raises:
        GpuMemoryError: the GPU's memory is exhausted.
        GpuError: anything else; most of these end the GPU's use until the process starts again.
    """
    status, *values = result
    if status == cudart.cudaError_t.cudaSuccess:
        return values[0] if values else None
    if status == cudart.cudaError_t.cudaErrorMemoryAllocation:
        raise GpuMemoryError("the GPU's memory is exhausted. Stop other programs on it, or set embedding.runtime")
    raise GpuError(f"the GPU failed with {status.name}. See `nvidia-smi` and the kernel's log, then start again")


class Memory:
    """Bytes on the GPU, freed with the object."""

    def __init__(self, size: int) -> None:
        self.size = max(size, 256)
        self.address: int = int(checked(cudart.cudaMalloc(self.size)))
        weakref.finalize(self, cudart.cudaFree, self.address)


def pinned(shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
    """Returns zeros in memory that the GPU reads and writes by itself, freed with the array."""
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    address = int(checked(cudart.cudaHostAlloc(size, cudart.cudaHostAllocDefault)))
    block = (ctypes.c_uint8 * size).from_address(address)
    weakref.finalize(block, cudart.cudaFreeHost, address)
    array: NDArray[Any] = np.frombuffer(memoryview(block), kind).reshape(shape)
    array.fill(0)
    return array


class Stream:
    """An order of work for the GPU."""

    def __init__(self) -> None:
        self._stream = checked(cudart.cudaStreamCreateWithFlags(cudart.cudaStreamNonBlocking))
        # A thread that spins until the GPU is done would burn a core that decodes.
        flags = cudart.cudaEventBlockingSync | cudart.cudaEventDisableTiming
        self._done = checked(cudart.cudaEventCreateWithFlags(flags))
        weakref.finalize(self, cudart.cudaStreamDestroy, self._stream)
        weakref.finalize(self, cudart.cudaEventDestroy, self._done)

    @property
    def handle(self) -> int:
        return int(self._stream)

    def upload(self, memory: Memory, source: NDArray[Any]) -> None:
        """Copies pinned, contiguous memory to the GPU."""
        checked(cudart.cudaMemcpyAsync(memory.address, source.ctypes.data, source.nbytes, IN, self._stream))

    def download(self, target: NDArray[Any], memory: Memory) -> None:
        """Copies from the GPU into pinned, contiguous memory."""
        checked(cudart.cudaMemcpyAsync(target.ctypes.data, memory.address, target.nbytes, OUT, self._stream))

    def mark(self) -> None:
        """`wait` will wait for what was asked for until now."""
        checked(cudart.cudaEventRecord(self._done, self._stream))

    def wait(self) -> None:
        checked(cudart.cudaEventSynchronize(self._done))

    def drain(self) -> None:
        """Waits for everything."""
        checked(cudart.cudaStreamSynchronize(self._stream))

    def captured(self, work: Callable[[], None]) -> Callable[[], None]:
        """Returns a function that does again, in one call, what `work` asks of this stream."""
        mode = cudart.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        checked(cudart.cudaStreamBeginCapture(self._stream, mode))
        try:
            work()
        finally:  # a capture that is never ended would leave the stream unusable
            ended = cudart.cudaStreamEndCapture(self._stream)
        graph = checked(ended)
        try:
            launch = Graph(checked(cudart.cudaGraphInstantiate(graph, 0)), self._stream)
        finally:
            cudart.cudaGraphDestroy(graph)
        return launch


class Graph:
    """Work that the GPU knows already."""

    def __init__(self, graph: Any, stream: Any) -> None:
        self._graph, self._stream = graph, stream
        weakref.finalize(self, cudart.cudaGraphExecDestroy, graph)

    def __call__(self) -> None:
        checked(cudart.cudaGraphLaunch(self._graph, self._stream))
