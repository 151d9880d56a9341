"""Runs networks by TensorRT, as the other runtimes run them."""

from collections import deque
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import GpuError, ModelError
from engine.runtimes import Inputs
from engine.runtimes.tensorrt import cuda
from engine.runtimes.tensorrt.flavours import Flavour
from engine.runtimes.tensorrt.lanes import Engine, Lane

LANES = 2
"""While one computes, the other's rows travel."""


class TensorRtRuntime:
    name = "tensorrt"

    def __init__(
        self, flavour: Flavour, plan: bytes, lanes: int = LANES, kernels: bytes | None = None, gpu: Any = cuda
    ) -> None:
        """Raises PlanError where this TensorRT or GPU refuses the plan, GpuError where the GPU fails.

        Args:
            flavour, plan, kernels, gpu: see Engine.
            lanes: batches that may be under way at once.
        """
        self._engine = Engine(flavour, plan, kernels, gpu)
        self._lanes = [Lane(self._engine) for _ in range(lanes)]
        self.input_names = tuple(port.name for port in self._engine.ports if port.is_input)
        self._outputs = [port for port in self._engine.ports if not port.is_input]

    def run(self, inputs: Inputs) -> dict[str, NDArray[np.float32]]:
        """Returns every output by name.

        Raises:
            ModelError: an input is missing, has another shape, or is not finite.
            GpuError: the GPU failed, its memory is exhausted, or an output is not finite.
        """
        rows = self._checked(inputs)
        results: dict[str, NDArray[np.float32]] = {
            port.name: np.empty((rows, *port.row), port.dtype) for port in self._outputs
        }
        running: deque[tuple[Lane, slice]] = deque()
        for part, lane in zip(_parts(rows, self._engine.largest), cycle(self._lanes), strict=False):
            if len(running) == len(self._lanes):
                _collect(*running.popleft(), results)
            for name, values in inputs.items():
                lane.inputs[name][: part.stop - part.start] = values[part]
            lane.launch(part.stop - part.start)
            running.append((lane, part))
        while running:
            _collect(*running.popleft(), results)
        for name, values in results.items():
            if not np.isfinite(values).all():  # FP16 ends at 65504
                raise GpuError(f"TensorRT gives values of {name} that are no numbers")
        return results

    def warm(self) -> None:
        """Captures every batch size, so that no later batch waits for it."""
        for size in self._engine.steps:
            self._lanes[0].launch(size)
            self._lanes[0].wait()

    def kernels(self) -> bytes | None:
        """Returns what a later process need not compile again, if anything."""
        return self._engine.kernels()

    def _checked(self, inputs: Inputs) -> int:
        """Returns the number of rows; a wrong dtype or a NaN would come out as a wrong embedding, not as an error."""
        if set(inputs) != set(self.input_names):
            raise ModelError(f"the network takes {', '.join(self.input_names)}, not {', '.join(inputs)}")
        [rows] = {len(values) for values in inputs.values()} or {0}
        for port in self._engine.ports:
            if not port.is_input:
                continue
            values = inputs[port.name]
            if values.dtype != port.dtype or values.shape[1:] != port.row:
                raise ModelError(
                    f"input {port.name} must be {np.dtype(port.dtype)} of shape (N, {', '.join(map(str, port.row))}), "
                    f"got {values.dtype} {values.shape}"
                )
            if values.dtype.kind == "f" and not np.isfinite(values.sum(dtype=np.float64)):
                raise ModelError(f"input {port.name} has values that are no numbers")
        return rows


def _parts(rows: int, largest: int) -> Iterator[slice]:
    for start in range(0, rows, largest):
        yield slice(start, min(start + largest, rows))


def _collect(lane: Lane, part: slice, results: dict[str, NDArray[np.float32]]) -> None:
    lane.wait()
    for name, values in lane.outputs.items():
        results[name][part] = values[: part.stop - part.start]
