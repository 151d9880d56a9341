"""What a soak found."""

from collections import Counter
from itertools import pairwise

import msgspec
import numpy as np

from daemon.soak.neighbours import Neighbours, neighbours
from daemon.soak.rig import Rig
from daemon.soak.watch import Ordeal, Watch

WARM_UP_S = 60.0
"""Memory and ills of the first minute are start-up."""
HEALED_WITHIN_S = 45.0
"""After the end of a fault that came when the soak had longer to go."""
LEAK_PERCENT = 10.0
"""Memory that grows so much from the second quarter to the last is lost ..."""
LONG_S = 600.0
"""... where a quarter is long enough to tell."""
MOST_POINTS = 300
"""Of each line in the report; a plot shows no more."""

Line = list[tuple[float, float]]


class FaultReport(msgspec.Struct, frozen=True):
    kind: str
    target: str
    began_s: float
    lasted_s: float
    recovered_after_s: float | None
    """After the fault ended; None: never, or the soak ended first."""
    refused: str


class SoakReport(msgspec.Struct, frozen=True):
    seconds: float
    cameras: int
    events: int
    lost: int
    """Events in the store that the subscriber never got."""
    doubled: int
    out_of_order: int
    deleted_by_retention: int
    wrong_names: list[str]
    identified: dict[str, int]
    unknown: dict[str, int]
    latency_p50_ms: float
    latency_p95_ms: float
    captured: dict[str, int]
    analysed: dict[str, int]
    dropped: dict[str, dict[str, int]]
    unaccounted: dict[str, int]
    """Looks at each camera's account that did not add up."""
    restarts: dict[str, int]
    memory_growth_percent: dict[str, float]
    """Last quarter against the second one, medians, by worker."""
    faults: list[FaultReport]
    ills: dict[str, int] = {}
    """Seconds for which each was told, those of the start left out."""
    cores: dict[str, float] = {}
    """Processor seconds a second, by worker, after the start."""
    neighbours: Neighbours | None = None
    """None: no fault struck a camera."""
    left_behind: list[str] = []
    """Files in shared memory and processes that were still there when the daemon had ended."""
    memory_mb: dict[str, Line] = {}
    latencies_ms: Line = []

    @property
    def failures(self) -> list[str]:
        """What must not be, in words; empty if the soak was passed."""
        counts = {
            "events lost": self.lost,
            "events doubled": self.doubled,
            "events out of order": self.out_of_order,
            "events deleted, though no soak lasts for days": self.deleted_by_retention,
            "wrong names": len(self.wrong_names),
            "looks at accounts that did not add up": sum(self.unaccounted.values()),
            "cameras that nobody looked at": self.cameras - sum(map(bool, self.analysed.values())),
            "faults that nothing healed": len([fault for fault in self.faults if self._is_unhealed(fault)]),
            "files or processes left behind": len(self.left_behind),
        }
        failed = [f"{count} {what}" for what, count in counts.items() if count]
        if not self.identified:
            failed.append("nobody was recognised")
        if self.seconds >= LONG_S:
            leaks = {worker: grown for worker, grown in self.memory_growth_percent.items() if grown > LEAK_PERCENT}
            failed += [f"{worker} grew by {grown} %" for worker, grown in leaks.items()]
        return failed

    def _is_unhealed(self, fault: FaultReport) -> bool:
        had_time = fault.began_s + fault.lasted_s < self.seconds - HEALED_WITHIN_S
        return fault.recovered_after_s is None and not fault.refused and had_time

    @property
    def passed(self) -> bool:
        return not self.failures


def judge(watch: Watch, rig: Rig, stored: int, deleted: int) -> SoakReport:
    """Compares what was heard with what was stored a while ago (sequences from 1 to `stored`, without gaps)."""
    heard, status = watch.sequences, rig.status()
    cameras = status.cameras if status else ()
    latencies = [delay.ms for delay in watch.delays] or [0.0]
    return SoakReport(
        seconds=round(watch.now_s, 1),
        cameras=len(rig.cameras),
        events=len(heard),
        lost=stored - len({each for each in heard if each <= stored}) - deleted,
        doubled=len(heard) - len(set(heard)),
        out_of_order=sum(later < earlier for earlier, later in pairwise(heard)),
        deleted_by_retention=deleted,
        wrong_names=watch.verdict.wrong,
        identified=dict(watch.verdict.identified),
        unknown=dict(watch.verdict.unknown),
        latency_p50_ms=round(float(np.percentile(latencies, 50)), 1),
        latency_p95_ms=round(float(np.percentile(latencies, 95)), 1),
        captured={camera.name: camera.captured for camera in cameras},
        analysed={camera.name: camera.analysed for camera in cameras},
        dropped={camera.name: dict(camera.dropped) for camera in cameras},
        unaccounted=dict(watch.unaccounted),
        restarts={worker.name: worker.restarts for worker in status.workers} if status else {},
        memory_growth_percent=_memory_growth(watch),
        faults=[_fault(ordeal) for ordeal in watch.ordeals],
        ills=_ills(watch),
        cores=_cores(watch),
        neighbours=neighbours(watch, WARM_UP_S),
        memory_mb={worker: thinned(line) for worker, line in _memory(watch).items()},
        latencies_ms=thinned([(round(delay.at_s, 1), delay.ms) for delay in watch.delays]),
    )


def _fault(ordeal: Ordeal) -> FaultReport:
    ended_s = ordeal.ended_s if ordeal.ended_s is not None else ordeal.began_s
    recovered = None if ordeal.recovered_s is None else round(ordeal.recovered_s - ended_s, 1)
    return FaultReport(
        ordeal.fault.kind,
        ordeal.fault.target,
        round(ordeal.began_s, 1),
        round(ended_s - ordeal.began_s, 1),
        recovered,
        ordeal.refused,
    )


def thinned(line: Line) -> Line:
    """Returns every n-th point of a line, evenly."""
    return line[:: -(-len(line) // MOST_POINTS) or 1]


def _ills(watch: Watch) -> dict[str, int]:
    return dict(Counter(ill for sample in watch.samples if sample.at_s > WARM_UP_S for ill in sample.ills))


def _cores(watch: Watch) -> dict[str, float]:
    samples = [sample for sample in watch.samples if sample.at_s > WARM_UP_S]
    spent_s: Counter[str] = Counter()
    for before, after in pairwise(samples):
        for worker, cpu_s in after.cpu_s.items():
            # One that was started anew counts from nothing again.
            began_s = before.cpu_s.get(worker, 0.0)
            spent_s[worker] += cpu_s - began_s if cpu_s >= began_s else cpu_s  # type: ignore[assignment]
    return {worker: round(s / (samples[-1].at_s - samples[0].at_s), 3) for worker, s in spent_s.items()}


def _memory(watch: Watch) -> dict[str, Line]:
    lines: dict[str, Line] = {}
    for sample in watch.samples:
        for worker, size in sample.memory_bytes.items():
            if size:
                lines.setdefault(worker, []).append((round(sample.at_s, 1), round(size / 2**20, 1)))
    return lines


def _memory_growth(watch: Watch) -> dict[str, float]:
    growth = {}
    for worker, line in _memory(watch).items():
        sizes = [mb for at_s, mb in line if at_s > WARM_UP_S]
        if len(sizes) >= 4:
            quarter = len(sizes) // 4
            before, after = np.median(sizes[quarter : 2 * quarter]), np.median(sizes[-quarter:])
            growth[worker] = round(100 * float(after / before - 1), 1)
    return growth
