"""Why TensorRT cannot be used is found out before any of its objects is made, and has a fix."""

import ctypes
from types import SimpleNamespace

import pytest

from engine.runtimes.tensorrt.flavours import Flavour
from engine.runtimes.tensorrt.states import Gpu, find_gpu, find_state


class Driver:
    """Answers what libcuda.so.1 answers."""

    def __init__(self, code=0, count=1, sm=(8, 9)):
        self.code, self.count, self.sm = code, count, sm

    def __call__(self, name):
        assert name == "libcuda.so.1"
        return self

    def cuInit(self, flags):  # noqa: N802
        return self.code

    def cuDeviceGetCount(self, count):  # noqa: N802
        count._obj.value = self.count

    def cuDeviceGet(self, device, index):  # noqa: N802
        device._obj.value = index

    def cuDeviceGetName(self, name, size, device):  # noqa: N802
        name.value = b"NVIDIA Test"

    def cuDeviceGetAttribute(self, value, attribute, device):  # noqa: N802
        value._obj.value = self.sm[attribute - 75]

    def cuDriverGetVersion(self, version):  # noqa: N802
        version._obj.value = 13010


def no_driver(name):
    raise OSError(f"{name}: cannot open shared object file")


def rtx(name):
    trt = SimpleNamespace(__version__="1.7", ComputeCapability=SimpleNamespace(SM89=1, SM120=2))
    return Flavour("rtx", trt, None)


def no_cuda():
    raise ModuleNotFoundError("No module named 'cuda'")


def state(load=rtx, driver=no_driver, cuda=lambda: None):
    return find_state("rtx", load, driver, cuda)


def raising(error):
    def load(name):
        raise error

    return load


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"load": raising(ModuleNotFoundError("No module named 'tensorrt_rtx'"))}, "not installed"),
        ({"cuda": no_cuda}, "libraries missing"),
        ({"load": raising(ImportError("libtensorrt_rtx.so.1: cannot open"))}, "libraries missing"),
        ({"load": raising(AttributeError("module 'tensorrt' has no attribute 'ILogger'"))}, "libraries missing"),
        ({"driver": no_driver}, "no driver"),
        ({"driver": Driver(code=100)}, "no GPU"),
        ({"driver": Driver(count=0)}, "no GPU"),
        ({"driver": Driver(sm=(9, 0))}, "GPU not supported"),
        ({"driver": Driver()}, "ready"),
        ({"driver": Driver(sm=(12, 0))}, "ready"),
    ],
)
def test_every_state_is_told_apart_and_all_but_ready_have_a_fix(given, expected):
    found = state(**given)
    assert found.state == expected
    assert bool(found.fix) == (expected != "ready")


def test_a_gpu_is_described():
    assert find_gpu(Driver()) == Gpu("NVIDIA Test", (8, 9), "13.1")


def test_the_version_is_told_even_without_a_gpu():
    assert state().version == "1.7"


def test_this_machine_has_some_state():
    assert find_state("trt").state
    assert isinstance(find_gpu(ctypes.CDLL), Gpu | tuple)
