"""Whether TensorRT can be used here, found out before any of its objects is made.

Without a GPU TensorRT 8.6 and the lean runtime end the process where an object is made; so the driver is asked first.
"""

import ctypes
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from engine.runtimes.tensorrt.flavours import Flavour, FlavourName, load_flavour

StateName = Literal["not installed", "libraries missing", "no driver", "no GPU", "GPU not supported", "ready"]

DRIVER = "libcuda.so.1"
SM_MAJOR, SM_MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""
EVERY_FLAVOUR: tuple[FlavourName, ...] = ("trt", "rtx")
"""Better ones first."""
EXTRAS: dict[FlavourName, str] = {"trt": "tensorrt", "rtx": "tensorrt-rtx"}


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first GPU that this process may use."""

    name: str
    sm: tuple[int, int]
    """Compute capability."""
    driver: str
    """CUDA version of the driver, such as 13.0."""


@dataclass(frozen=True, slots=True)
class TensorRtState:
    flavour: FlavourName
    state: StateName
    detail: str
    version: str = ""
    gpu: Gpu | None = None

    @property
    def fix(self) -> str:
        """What to do; empty where it is ready."""
        package = EXTRAS[self.flavour]
        return {
            "not installed": f"Run `pip install 'deconvid[{package}]'`",
            "libraries missing": f"Run `pip install --force-reinstall 'deconvid[{package}]'`"
            + (", where NVIDIA's package index can be reached" if self.flavour == "trt" else ""),
            "no driver": "Install NVIDIA's driver; in a container pass the GPU through",
            "no GPU": "See `nvidia-smi`; in a container pass the GPU through",
            "GPU not supported": "Install another TensorRT flavour (`tensorrt` or `tensorrt-rtx`)",
            "ready": "",
        }[self.state]


def find_state(
    flavour: FlavourName,
    load: Callable[[FlavourName], Flavour] = load_flavour,
    load_library: Callable[[str], Any] = ctypes.CDLL,
    load_cuda: Callable[[], object] = lambda: importlib.import_module("cuda.bindings.runtime"),
) -> TensorRtState:
    """Says whether a flavour can build and run plans here. Makes no TensorRT object."""
    try:
        loaded = load(flavour)
    except ModuleNotFoundError as error:
        return TensorRtState(flavour, "not installed", str(error))
    except (ImportError, OSError, RuntimeError, AttributeError) as error:  # AttributeError: of another package's name
        return TensorRtState(flavour, "libraries missing", str(error))
    try:
        load_cuda()
    except (ImportError, OSError, RuntimeError) as error:
        return TensorRtState(flavour, "libraries missing", f"cuda-bindings: {error}", loaded.version)
    found = find_gpu(load_library)
    if not isinstance(found, Gpu):
        return TensorRtState(flavour, *found, version=loaded.version)
    sm = f"{found.name}, compute capability {found.sm[0]}.{found.sm[1]}"
    state: StateName = "ready" if loaded.supports(found.sm) else "GPU not supported"
    return TensorRtState(flavour, state, sm, loaded.version, found)


def find_gpu(load_library: Callable[[str], Any] = ctypes.CDLL) -> Gpu | tuple[StateName, str]:
    """Returns the first GPU, or why there is none."""
    try:
        cuda = load_library(DRIVER)
    except OSError as error:
        return "no driver", str(error)
    if code := cuda.cuInit(0):
        return "no GPU", f"cuInit failed with code {code}"
    count, device, version = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    major, minor, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(100)
    cuda.cuDeviceGetCount(ctypes.byref(count))
    if not count.value:
        return "no GPU", "the driver knows none"
    cuda.cuDeviceGet(ctypes.byref(device), 0)
    cuda.cuDeviceGetName(name, len(name), device)
    cuda.cuDeviceGetAttribute(ctypes.byref(major), SM_MAJOR, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(minor), SM_MINOR, device)
    cuda.cuDriverGetVersion(ctypes.byref(version))
    driver = f"{version.value // 1000}.{version.value % 1000 // 10}"
    return Gpu(name.value.decode(), (major.value, minor.value), driver)
