"""Which of the processor's runtimes executes a network faster: measured once on this machine, then remembered."""

import contextlib
import hashlib
import json
import logging
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from engine.errors import RuntimeUnavailableError
from engine.machine import processor

if TYPE_CHECKING:
    from engine.runtimes import Runtime

logger = logging.getLogger(__name__)

CpuRuntime = Literal["openvino", "onnxruntime"]

CLEARLY = 1.1
"""ONNX Runtime is taken if it is faster by this factor: a choice that hung on noise would be another one each time."""
LEAST_RUNS, ENOUGH_S = 3, 0.15


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is measured, and where the answer is kept."""

    file: Path
    """JSON: by machine, network, input and versions, milliseconds of each runtime. While its folder is missing, nothing
    is measured."""
    shape: tuple[int, ...]
    """Of the input that the network mostly sees."""
    clock: Callable[[], float] = time.perf_counter
    """Seconds."""

    def faster(self, network: Path, threads: int, load: Mapping[CpuRuntime, Callable[[], "Runtime"]]) -> CpuRuntime:
        """Returns the runtime to take: OpenVINO if there is no choice.

        Raises:
            ModelError: a runtime cannot load the network.
        """
        if not self.file.parent.is_dir():
            return "openvino"
        key = self._key(network, threads)
        known = self._read()
        if key not in known:
            try:
                known[key] = {name: self._milliseconds(load[name]()) for name in load}
            except RuntimeUnavailableError:
                return "openvino"
            logger.info("runtimes_compared file=%s threads=%d milliseconds=%s", network.name, threads, known[key])
            self._write(known)
        return "onnxruntime" if known[key]["onnxruntime"] * CLEARLY < known[key]["openvino"] else "openvino"

    def _key(self, network: Path, threads: int) -> str:
        digest = hashlib.sha256(network.read_bytes()).hexdigest()
        shape = "x".join(map(str, self.shape))
        return " | ".join([processor(), f"{threads} threads", digest[:16], shape, *map(_versioned, _PACKAGES)])

    def _milliseconds(self, runtime: "Runtime") -> float:
        inputs = {runtime.input_names[0]: np.zeros(self.shape, np.float32)}
        runtime.run(inputs)
        times_s: list[float] = []
        while len(times_s) < LEAST_RUNS or sum(times_s) < ENOUGH_S:
            started_s = self.clock()
            runtime.run(inputs)
            times_s.append(self.clock() - started_s)
        return round(statistics.median(times_s) * 1e3, 3)

    def _read(self) -> dict[str, dict[CpuRuntime, float]]:
        """Returns nothing where the file is missing or was not written by us: then it is measured anew."""
        try:
            found = json.loads(self.file.read_bytes())
            return {
                str(key): {"openvino": float(each["openvino"]), "onnxruntime": float(each["onnxruntime"])}
                for key, each in found.items()
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}

    def _write(self, known: Mapping[str, Mapping[CpuRuntime, float]]) -> None:
        part = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        try:
            part.write_text(json.dumps(known, indent=1) + "\n")
            part.replace(self.file)
        except OSError as error:
            logger.warning("runtimes_not_remembered cause='%s'", error.strerror)
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


_PACKAGES = ("openvino", "onnxruntime")


def _versioned(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:  # under another name, such as onnxruntime-gpu
        return package
