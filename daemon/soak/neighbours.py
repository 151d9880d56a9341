"""What a fault of one camera costs the others: how late their events are meanwhile, beside their own quiet times."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from daemon.soak.watch import Delay, Ordeal, Watch

BLOCK_S = 10.0
"""Delays are drawn in blocks of so many seconds: what delays one event delays the next."""
FEWEST_BLOCKS = 10
"""Of faults and of quiet; from fewer no interval can be told."""
FEWEST_EVENTS = 40
"""Of a camera, beside faults and in quiet: at the 95th percentile two are later."""
ROUNDS = 1000

Blocks = dict[int, NDArray[np.float64]]
"""Delays of one camera [ms], by the block in which their events came."""


class Neighbours(msgspec.Struct, frozen=True):
    """Cameras that no fault struck, while another's lasted and until all was well again, beside quiet times. Each is
    compared with itself: what one camera sees takes longer than what another sees."""

    more_percent: tuple[float, float, float]
    """How much later the 95th percentile from capture to event is, the geometric mean of all cameras, and the bootstrap
    interval (Efron 1979) that holds it with 95 % confidence."""
    p95_ms: dict[str, tuple[float, float]]
    """By camera: beside faults, in quiet."""
    events: tuple[int, int]
    """Beside faults, in quiet."""


def neighbours(watch: Watch, since_s: float) -> Neighbours | None:
    """Returns None where too few faults of cameras, or too little quiet, was seen.

    Args:
        since_s: what was before counts for nothing.
    """
    beside: list[Delay] = []
    quiet: list[Delay] = []
    ordeals = [ordeal for ordeal in watch.ordeals if not ordeal.refused]
    for delay in watch.delays:
        if delay.at_s < since_s:
            continue
        struck = {_camera_of(ordeal) for ordeal in ordeals if _lasts(ordeal, delay.at_s)}
        if not struck:
            quiet.append(delay)
        elif "" not in struck and delay.camera not in struck:
            beside.append(delay)
    cameras = sorted(_many(beside) & _many(quiet))
    if not cameras or min(len({_block_of(delay) for delay in delays}) for delays in (beside, quiet)) < FEWEST_BLOCKS:
        return None
    rng = np.random.default_rng(1)
    pairs = [(_blocks(beside, camera), _blocks(quiet, camera)) for camera in cameras]
    p95_ms = [(_p95(*b.values()), _p95(*q.values())) for b, q in pairs]
    low, high = np.quantile([_more(_drawn(pairs, rng)) for _ in range(ROUNDS)], (0.025, 0.975))
    percent = [round(100 * float(each), 1) for each in (_more(p95_ms), low, high)]
    return Neighbours(
        (percent[0], percent[1], percent[2]),
        {camera: (round(b, 1), round(q, 1)) for camera, (b, q) in zip(cameras, p95_ms, strict=True)},
        (len(beside), len(quiet)),
    )


def _camera_of(ordeal: Ordeal) -> str:
    """Returns the camera that was struck, itself or its worker; empty: something that all of them share."""
    kind, target = ordeal.fault.kind, ordeal.fault.target
    if kind.startswith("camera_"):
        return target
    return target.removeprefix("camera-") if target.startswith("camera-") else ""


def _lasts(ordeal: Ordeal, at_s: float) -> bool:
    return ordeal.began_s <= at_s and (ordeal.recovered_s is None or at_s < ordeal.recovered_s)


def _block_of(delay: Delay) -> int:
    return int(delay.at_s // BLOCK_S)


def _many(delays: Sequence[Delay]) -> set[str]:
    """Returns the cameras of which there are enough."""
    cameras = [delay.camera for delay in delays]
    return {camera for camera in set(cameras) if cameras.count(camera) >= FEWEST_EVENTS}


def _blocks(delays: Sequence[Delay], camera: str) -> Blocks:
    blocks: dict[int, list[float]] = defaultdict(list)
    for delay in delays:
        if delay.camera == camera:
            blocks[_block_of(delay)].append(delay.ms)
    return {block: np.array(each) for block, each in blocks.items()}


def _drawn(pairs: Sequence[tuple[Blocks, Blocks]], rng: np.random.Generator) -> list[tuple[float, float]]:
    """Returns each camera's 95th percentiles in blocks drawn anew, the same blocks for all cameras."""
    drawn = []
    for condition in zip(*pairs, strict=True):
        blocks = sorted(set().union(*condition))
        draw = rng.choice(blocks, len(blocks))
        drawn.append([_p95(*(camera[block] for block in draw if block in camera)) for camera in condition])
    return list(zip(*drawn, strict=True))


def _p95(*delays: NDArray[np.float64]) -> float:
    return float(np.percentile(np.concatenate(delays), 95)) if delays else float("nan")


def _more(p95_ms: Sequence[tuple[float, float]]) -> float:
    """Returns the share by which the first of each pair is more, of all pairs together."""
    beside, quiet = np.array(p95_ms).T
    return float(np.exp(np.nanmean(np.log(beside / quiet))) - 1)
