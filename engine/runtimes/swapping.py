"""One runtime serves while a better one is made ready, and again if that one fails."""

import logging
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from config.errors import DeconvIDError
from engine.errors import GpuError, PlanError
from engine.runtimes import Inputs, Runtime

logger = logging.getLogger(__name__)


class SwappingRuntime:
    """Every batch is answered by exactly one runtime: the better one from the first batch after it is ready."""

    def __init__(self, first: Runtime, make_better: Callable[[], Runtime]) -> None:
        """`make_better` runs in a thread; where it raises, the first runtime goes on."""
        self._first, self._current = first, first
        self._better: Runtime | None = None
        self._make = make_better
        self.maker = threading.Thread(target=self._prepare, name="runtime-maker", daemon=True)
        self.maker.start()

    @property
    def name(self) -> str:
        return self._current.name

    @property
    def input_names(self) -> tuple[str, ...]:
        return self._first.input_names

    def run(self, inputs: Inputs) -> dict[str, NDArray[np.float32]]:
        if self._better is not None:
            self._current, self._better = self._better, None
            logger.info("runtime_swapped runtime=%s", self._current.name)
        if self._current is self._first:
            return self._first.run(inputs)
        try:
            return self._current.run(inputs)
        except (GpuError, PlanError) as error:
            logger.warning("runtime_failed runtime=%s fallback=%s cause='%s'", self.name, self._first.name, error)
            self._current = self._first
            return self._first.run(inputs)

    def _prepare(self) -> None:
        try:
            self._better = self._make()
        except DeconvIDError as error:
            logger.warning("runtime_not_ready fallback=%s cause='%s'", self._first.name, error)
        except Exception as error:  # what TensorRT and CUDA raise has no common type
            cause = f"{type(error).__name__}: {error}"
            logger.warning("runtime_not_ready fallback=%s cause='%s'", self._first.name, cause, exc_info=True)
