"""ONNX Runtime on the processor: works everywhere."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.runtimes import Inputs

ERRORS_ONLY = 3

onnxruntime.disable_telemetry_events()


class OnnxRuntime:
    name = "onnxruntime"

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = ERRORS_ONLY
        # Threads that spin between two frames would burn the cores that decode.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the errors of ONNX Runtime and protobuf have no common type
            reason = str(error).splitlines()[0].rstrip(".")
            raise ModelError(f"ONNX Runtime cannot load {path.name}: {reason}. Install the model again") from error
        self.input_names = tuple(port.name for port in self._session.get_inputs())
        self._output_names = [port.name for port in self._session.get_outputs()]

    def run(self, inputs: Inputs) -> dict[str, NDArray[np.float32]]:
        outputs = self._session.run(self._output_names, dict(inputs))
        return dict(zip(self._output_names, outputs, strict=True))
