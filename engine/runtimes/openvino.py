"""OpenVINO: the fastest on x86 processors."""

import logging
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# OpenVINO reports its import to an analytics service and keeps an id for that in the home folder. A daemon that knows
# faces tells nobody that it runs: without this package OpenVINO falls back to a stub of its own.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino as ov  # noqa: E402

from engine.errors import ModelError  # noqa: E402
from engine.runtimes import Inputs, Precision  # noqa: E402

logger = logging.getLogger(__name__)

SETTINGS = {
    "PERFORMANCE_HINT": "LATENCY",
    # Several processes run networks on one machine; pinned, all of them would sit on the same cores.
    "ENABLE_CPU_PINNING": False,
}


class OpenVinoRuntime:
    name = "openvino"

    def __init__(self, path: Path, threads: int, precision: Precision = "f32") -> None:
        core = ov.Core()
        if precision == "bf16" and not has_bf16():
            logger.warning("precision_missing wanted=bf16 taken=f32 cause='this processor has no bf16'")
            precision = "f32"
        # Unsaid, OpenVINO takes BF16 where the processor has it: embeddings would depend on the machine.
        settings = {**SETTINGS, "INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
        try:
            compiled = core.compile_model(path, "CPU", settings)
        except Exception as error:  # OpenVINO raises RuntimeError or one of its own, depending on the file
            raise ModelError(
                f"OpenVINO cannot load {path.name}: {_reason(error, path)}. Install the model again"
            ) from error
        self.input_names = tuple(port.get_any_name() for port in compiled.inputs)
        self._output_names = tuple(port.get_any_name() for port in compiled.outputs)
        self._request = compiled.create_infer_request()

    def run(self, inputs: Inputs) -> dict[str, NDArray[np.float32]]:
        outputs = self._request.infer(dict(inputs), share_inputs=True, share_outputs=False)
        return dict(zip(self._output_names, outputs.values(), strict=True))


def has_bf16() -> bool:
    """Whether this processor multiplies in BF16 by itself."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _reason(error: Exception, path: Path) -> str:
    """Returns the last line of OpenVINO's message, before which its source files stand, without this machine's path."""
    lines = [line.strip() for line in str(error).replace(str(path), path.name).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else type(error).__name__
