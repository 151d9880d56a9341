"""What executes a network. Each runtime gives the same outputs within rounding."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import RuntimeUnavailableError
from engine.runtimes.calibration import Calibration, CpuRuntime

if TYPE_CHECKING:
    from engine.runtimes.crops import CropInput

logger = logging.getLogger(__name__)

Preference = Literal["auto", "tensorrt", "openvino", "onnxruntime"]
Precision = Literal["f32", "bf16"]
Inputs = Mapping[str, NDArray[np.float32] | NDArray[np.uint8]]
"""By input name."""


@dataclass(frozen=True, slots=True)
class Execution:
    """How networks are executed, whichever they are."""

    preference: Preference = "auto"
    """auto takes TensorRT where there is a GPU for it; else, and until its plan is built, which of the processor's
    runtimes was measured to be faster; unmeasured, OpenVINO where it can be imported, else ONNX Runtime. tensorrt is
    auto, and says why where it cannot be."""
    threads: int = 0
    """0 = one less than the cores this process may use, at least one."""
    precision: Precision = "f32"
    """In which the processor multiplies; bf16 is OpenVINO's alone."""
    calibrations: Path | None = None
    """File of what the processor's runtimes took; None: they are not compared."""
    plans: Path | None = None
    """Folder of TensorRT's plans; None: it is not used."""


DEFAULTS = Execution()


class Runtime(Protocol):
    """A loaded network. An instance is used from one thread."""

    @property
    def name(self) -> str: ...

    @property
    def input_names(self) -> tuple[str, ...]: ...

    def run(self, inputs: Inputs) -> dict[str, NDArray[np.float32]]:
        """Returns every output by name, in the order of the file, in memory that the caller owns."""
        ...


def load_runtime(
    path: Path,
    how: Execution = DEFAULTS,
    *,
    usual: tuple[int, ...] | None = None,
    crops: "CropInput | None" = None,
) -> Runtime:
    """Returns a runtime with an ONNX file loaded into it.

    Args:
        path: the file.
        how: it is executed.
        usual: shape of the input that it mostly sees, with which runtimes are compared; None: they are not.
        crops: the runtime takes crops as bytes, see engine/runtimes/crops.py, and does this to them. TensorRT needs it.

    Raises:
        ModelError: the file is no network that the runtime can load.
        RuntimeUnavailableError: the runtime that was asked for cannot be imported, or has not that precision.
    """
    threads = how.threads or max(1, len(os.sched_getaffinity(0)) - 1)
    load: dict[CpuRuntime, Callable[[], Runtime]] = {
        "openvino": partial(_openvino, path, threads, how.precision),
        "onnxruntime": partial(_onnxruntime, path, threads, how.precision),
    }
    if how.preference == "openvino" or how.preference == "onnxruntime":
        serving = load[how.preference]()
    else:
        calibration = None
        if how.calibrations and usual and how.precision == "f32":
            calibration = Calibration(how.calibrations, usual)
        serving = _faster(path, threads, load, calibration)
    if crops is None:
        return serving
    from engine.runtimes.crops import CropNetwork, CropRuntime

    serving = CropRuntime(serving, crops)
    if how.plans is None or how.preference == "openvino" or how.preference == "onnxruntime":
        return serving
    from engine.runtimes.tensorrt.choice import with_tensorrt

    return with_tensorrt(serving, CropNetwork(path, crops), how.plans, asked=how.preference == "tensorrt")


def _faster(
    path: Path, threads: int, load: Mapping[CpuRuntime, Callable[[], Runtime]], calibration: Calibration | None
) -> Runtime:
    try:
        return load[calibration.faster(path, threads, load) if calibration else "openvino"]()
    except RuntimeUnavailableError as error:
        logger.warning("runtime_unavailable runtime=openvino cause='%s'", error)
        return load["onnxruntime"]()


def _openvino(path: Path, threads: int, precision: Precision) -> Runtime:
    try:
        from engine.runtimes.openvino import OpenVinoRuntime
    except ImportError as error:
        raise RuntimeUnavailableError(
            f"OpenVINO cannot be imported ({error}). Install `openvino`, or set embedding.runtime to auto"
        ) from error
    logger.info("network_loading file=%s runtime=openvino threads=%d precision=%s", path.name, threads, precision)
    return OpenVinoRuntime(path, threads, precision)


def _onnxruntime(path: Path, threads: int, precision: Precision) -> Runtime:
    if precision != "f32":
        raise RuntimeUnavailableError(
            f"ONNX Runtime has no {precision} on the processor. Install `openvino`, or set precision to f32"
        )
    try:
        from engine.runtimes.onnxruntime import OnnxRuntime
    except ImportError as error:
        raise RuntimeUnavailableError(f"ONNX Runtime cannot be imported ({error}). Install `onnxruntime`") from error
    logger.info("network_loading file=%s runtime=onnxruntime threads=%d", path.name, threads)
    return OnnxRuntime(path, threads)
