"""A plan is used only if its outputs are those of the processor in FP32, whatever the batch."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.errors import PlanError
from engine.probes import probe_crops
from engine.runtimes import Runtime

logger = logging.getLogger(__name__)

LEAST_COSINE = 0.999


def accept(candidate: Runtime, reference: Runtime, row: Sequence[int], sizes: Sequence[int]) -> float:
    """Returns the least cosine between rows of the two runtimes' outputs, on synthetic probes.

    Args:
        candidate, reference: with one input of rows (3, H, W) in -1..1.
        row: (3, H, W).
        sizes: batches to try, beside one that no profile is made for.

    Raises:
        PlanError: some row is less alike than LEAST_COSINE.
        GpuError: the GPU failed.
    """
    [name] = reference.input_names
    [given] = candidate.input_names
    probes = _probes(row)
    wanted = reference.run({name: probes})
    found = []
    for size in (*sizes, max(sizes) + 1):
        rows = np.arange(size) % len(probes)
        outputs = candidate.run({given: probes[rows]})
        found += [_least_cosine(values, wanted[name][rows]) for name, values in outputs.items()]
    least = float(np.min(found))  # unlike Python's min, a NaN goes through
    if not least >= LEAST_COSINE:
        raise PlanError(
            f"the plan's outputs are not those of the processor: cosine {least:.5f} but {LEAST_COSINE} is the least. "
            "The processor's runtime goes on"
        )
    logger.info("plan_accepted least_cosine=%.6f", least)
    return least


def _probes(row: Sequence[int]) -> NDArray[np.float32]:
    """Returns (8, 3, H, W) float32 in -1..1."""
    crops = probe_crops()
    _, height, width = row
    down, right = (np.arange(side) * crops.shape[1] // side for side in (height, width))
    planes = crops[:, down][:, :, right].transpose(0, 3, 1, 2)
    return np.ascontiguousarray(planes, np.float32) / np.float32(127.5) - np.float32(1)


def _least_cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    first, second = first.reshape(len(first), -1), second.reshape(len(second), -1)
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(((first * second).sum(axis=1) / norms).min())
