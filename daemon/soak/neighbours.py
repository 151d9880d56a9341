"""What a fault of one camera costs the others: how late their events are meanwhile, beside quiet times."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from daemon.soak.watch import Delay, Ordeal, Watch

BLOCK_S = 10.0
"""Delays are drawn in blocks of so many seconds: what delays one event delays the next."""
ROUNDS = 1000


class Neighbours(msgspec.Struct, frozen=True):
    """Of the cameras that no fault struck, from capture to event at the 95th percentile."""

    beside_fault_ms: float
    """From the beginning of a camera's fault until all was well again."""
    quiet_ms: float
    """While nothing was wrong."""
    more_percent: tuple[float, float, float]
    """How much later, and the bootstrap interval (Efron 1979) that holds it with 95 % confidence."""
    events: tuple[int, int]
    """Beside faults, and in quiet times."""


def neighbours(watch: Watch, since_s: float) -> Neighbours | None:
    """Returns None where no fault struck a camera. Args: since_s: what was before counts for nothing."""
    beside, quiet = [], []
    for delay in watch.delays:
        if delay.at_s < since_s:
            continue
        struck = [_camera_of(ordeal) for ordeal in watch.ordeals if _lasts(ordeal, delay.at_s)]
        if not struck:
            quiet.append(delay)
        elif all(struck) and delay.camera not in struck:
            beside.append(delay)
    if not beside or not quiet:
        return None
    rng = np.random.default_rng(1)
    more = _drawn(_blocks(beside), rng) / _drawn(_blocks(quiet), rng) - 1
    beside_ms, quiet_ms = (float(np.percentile([delay.ms for delay in each], 95)) for each in (beside, quiet))
    percent = (100 * float(value) for value in (beside_ms / quiet_ms - 1, *np.quantile(more, (0.025, 0.975))))
    value, low, high = (round(each, 1) for each in percent)
    return Neighbours(round(beside_ms, 1), round(quiet_ms, 1), (value, low, high), (len(beside), len(quiet)))


def _camera_of(ordeal: Ordeal) -> str:
    """Returns the camera that was struck, itself or its worker; empty: something that all of them share."""
    kind, target = ordeal.fault.kind, ordeal.fault.target
    if kind.startswith("camera_"):
        return target
    return target.removeprefix("camera-") if target.startswith("camera-") else ""


def _lasts(ordeal: Ordeal, at_s: float) -> bool:
    return ordeal.began_s <= at_s and (ordeal.recovered_s is None or at_s < ordeal.recovered_s)


def _blocks(delays: Sequence[Delay]) -> list[NDArray[np.float64]]:
    blocks: dict[int, list[float]] = defaultdict(list)
    for delay in delays:
        blocks[int(delay.at_s // BLOCK_S)].append(delay.ms)
    return [np.array(block) for block in blocks.values()]


def _drawn(blocks: Sequence[NDArray[np.float64]], rng: np.random.Generator) -> NDArray[np.float64]:
    """Returns 95th percentiles of as many blocks, drawn anew again and again."""
    draws = rng.integers(len(blocks), size=(ROUNDS, len(blocks)))
    return np.array([np.percentile(np.concatenate([blocks[i] for i in draw]), 95) for draw in draws])
