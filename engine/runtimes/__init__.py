"""What executes a network. Each runtime gives the same outputs within rounding."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import RuntimeUnavailableError

logger = logging.getLogger(__name__)

Preference = Literal["auto", "openvino", "onnxruntime"]
DynamicShapes = Mapping[str, Sequence[int | None]]
"""By input name, the dimensions to declare instead of the file's; None = any size."""


class Runtime(Protocol):
    """A loaded network. An instance is used from one thread."""

    @property
    def name(self) -> str: ...

    @property
    def input_names(self) -> tuple[str, ...]: ...

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Returns every output by name, in the order of the file, in memory that the caller owns."""
        ...


def load_runtime(
    path: Path, preference: Preference = "auto", threads: int = 0, dynamic_shapes: DynamicShapes | None = None
) -> Runtime:
    """Returns a runtime with an ONNX file loaded into it.

    Args:
        path: the file.
        preference: auto takes OpenVINO where it can be imported, else ONNX Runtime.
        threads: 0 = one less than the cores this process may use, at least one.
        dynamic_shapes: for files that declare fixed input shapes although the network takes any.

    Raises:
        ModelError: the file is no network that the runtime can load.
        RuntimeUnavailableError: the runtime that was asked for cannot be imported.
    """
    threads = threads or max(1, len(os.sched_getaffinity(0)) - 1)
    if preference != "onnxruntime":
        try:
            from engine.runtimes.openvino import OpenVinoRuntime
        except ImportError as error:
            if preference == "openvino":
                raise RuntimeUnavailableError(
                    f"OpenVINO cannot be imported ({error}). Install `openvino`, or set embedding.runtime to auto"
                ) from error
            logger.warning("runtime_unavailable runtime=openvino error=%s", error)
        else:
            logger.info("network_loading file=%s runtime=openvino threads=%d", path.name, threads)
            return OpenVinoRuntime(path, threads, dynamic_shapes or {})
    try:
        from engine.runtimes.onnxruntime import OnnxRuntime
    except ImportError as error:
        raise RuntimeUnavailableError(
            f"ONNX Runtime cannot be imported ({error}). Install `onnxruntime` and `onnx`"
        ) from error
    logger.info("network_loading file=%s runtime=onnxruntime threads=%d", path.name, threads)
    return OnnxRuntime(path, threads, dynamic_shapes or {})
