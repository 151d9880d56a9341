"""A plan is used only if its outputs are those of the processor in FP32, whatever the batch."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.errors import PlanError
from engine.probes import probe_crops
from engine.runtimes import Runtime
from engine.runtimes.crops import CROPS

logger = logging.getLogger(__name__)

LEAST_COSINE = 0.999


def accept(candidate: Runtime, reference: Runtime, crop: Sequence[int], sizes: Sequence[int]) -> float:
    """Returns the least cosine between rows of the two runtimes' outputs, on synthetic probes.

    Args:
        candidate, reference: that take `crops`.
        crop: its shape, (H, W, 3).
        sizes: batches to try, beside one that no profile is made for.

    Raises:
        PlanError: some row is less alike than LEAST_COSINE.
        GpuError: the GPU failed.
    """
    probes = _probes(crop)
    wanted = reference.run({CROPS: probes})
    found = []
    for size in (*sizes, max(sizes) + 1):
        rows = np.arange(size) % len(probes)
        outputs = candidate.run({CROPS: probes[rows]})
        found += [_least_cosine(values, wanted[name][rows]) for name, values in outputs.items()]
    least = float(np.min(found))  # unlike Python's min, a NaN goes through
    if not least >= LEAST_COSINE:
        raise PlanError(
            f"the plan's outputs are not those of the processor: cosine {least:.5f} but {LEAST_COSINE} is the least. "
            "The processor's runtime goes on"
        )
    logger.info("plan_accepted least_cosine=%.6f", least)
    return least


def _probes(crop: Sequence[int]) -> NDArray[np.uint8]:
    """Returns (8, H, W, 3) uint8."""
    probes = probe_crops()
    down, right = (np.arange(side) * probes.shape[1] // side for side in crop[:2])
    return probes[:, down][:, :, right]


def _least_cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    first, second = first.reshape(len(first), -1), second.reshape(len(second), -1)
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(((first * second).sum(axis=1) / norms).min())
