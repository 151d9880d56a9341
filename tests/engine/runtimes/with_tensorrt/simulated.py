"""A GPU and a TensorRT in ordinary memory: a plan is an ONNX file, which ONNX Runtime computes at its addresses."""

import ctypes
from collections import deque
from enum import Enum
from types import SimpleNamespace

import numpy as np
import onnxruntime

from engine.errors import GpuError, GpuMemoryError
from engine.runtimes.tensorrt.flavours import Flavour


class Memory:
    def __init__(self, size):
        self.array = np.full(max(size, 1), 0xAB, np.uint8)
        self.address = self.array.ctypes.data
        self.size = size


def pinned(shape, dtype):
    return np.zeros(shape, dtype)


class Stream:
    """Does at once what it is asked for; between begin and end of a capture it only notes it."""

    open_capture = None

    def __init__(self):
        self.handle = id(self)
        self.captures = self.waits = 0

    def upload(self, memory, source):
        self.do(lambda: ctypes.memmove(memory.address, source.ctypes.data, source.nbytes))

    def download(self, target, memory):
        self.do(lambda: ctypes.memmove(target.ctypes.data, memory.address, target.nbytes))

    def do(self, work):
        if Stream.open_capture is not None:
            Stream.open_capture.append(work)
        else:
            work()

    def mark(self):
        pass

    def wait(self):
        self.waits += 1

    def drain(self):
        pass

    def captured(self, work):
        self.captures += 1
        Stream.open_capture = []
        try:
            work()
        finally:
            noted, Stream.open_capture = Stream.open_capture, None
        return lambda: [step() for step in noted]


class GpuOf:
    """What module cuda gives; can be told to fail."""

    def __init__(self):
        self.streams = []
        self.memory_left = 1 << 40
        self.refuses_capture = False

    def Memory(self, size):  # noqa: N802
        self.memory_left -= size
        if self.memory_left < 0:
            raise GpuMemoryError("the GPU's memory is exhausted")
        return Memory(size)

    pinned = staticmethod(pinned)

    def Stream(self):  # noqa: N802
        stream = Stream()
        if self.refuses_capture:
            stream.captured = self._refuse
        self.streams.append(stream)
        return stream

    def _refuse(self, work):
        raise GpuError("cannot be captured")


class Type(Enum):
    FLOAT = 0
    UINT8 = 5


class Mode(Enum):
    INPUT = 1
    OUTPUT = 2


class Context:
    def __init__(self, plan):
        self.plan, self.addresses = plan, {}
        self.shape = self.profile = self.scratch = None

    def set_optimization_profile_async(self, index, stream):
        self.profile = self.plan.sizes[index]
        return True

    def set_input_shape(self, name, shape):
        least, largest = self.profile
        self.shape = shape
        return least <= shape[0] <= largest

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def set_device_memory(self, address, size):
        self.scratch = (address, size)

    def infer_shapes(self):
        return []

    def execute_async_v3(self, handle):
        if self.plan.broken or self.scratch is None:
            return False
        Stream().do(self._compute)
        return True

    def _compute(self):
        session = self.plan.session
        [given], [out] = session.get_inputs(), session.get_outputs()
        dtype = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}[given.type]
        size = int(np.prod(self.shape)) * np.dtype(dtype).itemsize
        block = (ctypes.c_uint8 * size).from_address(self.addresses[given.name])
        [result] = session.run(None, {given.name: np.frombuffer(block, dtype).reshape(self.shape)})
        ctypes.memmove(self.addresses[out.name], result.ctypes.data, result.nbytes)


class Plan:
    """An engine with profiles for batches of 1, 2-8 and 9-32."""

    device_memory_size_v2 = 1000
    num_io_tensors = 2
    sizes = ((1, 1), (2, 8), (9, 32))
    num_optimization_profiles = 3

    def __init__(self, plan):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(plan, options)
        self.contexts, self.broken = [], False
        self.ports = [*self.session.get_inputs(), *self.session.get_outputs()]

    def get_tensor_name(self, index):
        return self.ports[index].name

    def get_tensor_mode(self, name):
        return Mode.INPUT if name == self.ports[0].name else Mode.OUTPUT

    def get_tensor_dtype(self, name):
        port = next(port for port in self.ports if port.name == name)
        return {"tensor(float)": Type.FLOAT, "tensor(uint8)": Type.UINT8}[port.type]

    def get_tensor_shape(self, name):
        port = next(port for port in self.ports if port.name == name)
        return [-1, *port.shape[1:]]

    def get_tensor_profile_shape(self, name, index):
        least, largest = self.sizes[index]
        row = self.get_tensor_shape(name)[1:]
        return [[least, *row], [largest, *row], [largest, *row]]

    def create_execution_context(self, strategy):
        self.contexts.append(Context(self))
        return self.contexts[-1]


def tensorrt():
    """Returns a flavour whose plans are ONNX files; rubbish is refused as TensorRT refuses it."""
    messages = SimpleNamespace(errors=deque())

    def deserialize(plan):
        try:
            return Plan(plan)
        except Exception:  # whatever rubbish makes ONNX raise: TensorRT logs it and gives None
            messages.errors.append("Error Code 1: Serialization (magic tag does not match)")
            return None

    trt = SimpleNamespace(
        __name__="simulated",
        __version__="11.4.0",
        TensorIOMode=Mode,
        ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED=2),
        Runtime=lambda messages: SimpleNamespace(deserialize_cuda_engine=deserialize),
    )
    return Flavour("trt", trt, messages)
