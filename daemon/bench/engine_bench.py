"""What the benchmarks of the engine's steps have in common."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from daemon.bench.rivals import Pack, RivalMissingError
from daemon.bench.roofline import count_macs, peak_gmacs_per_s
from daemon.bench.timing import Contestant, Figure, race
from engine.runtimes import Precision
from engine.runtimes.openvino import has_bf16

Tell = Callable[[str], None]

PEAK_S = 1.5


class EngineReport(msgspec.Struct):
    threads: int
    peak_gmacs_per_s: dict[Precision, float] = msgspec.field(default_factory=dict)
    """The best rate at which this machine multiplied."""
    gmacs: dict[str, float] = msgspec.field(default_factory=dict)
    """Of one face or picture, in 10^9 multiply-accumulates, by network."""
    sha256: dict[str, str] = msgspec.field(default_factory=dict)
    figures: list[Figure] = msgspec.field(default_factory=list)
    skipped: dict[str, str] = msgspec.field(default_factory=dict)
    """Who was not measured, and why."""


class EngineBench:
    """Collects contestants, and lets them race.

    Args:
        threads: of every network, the rivals' too; 0: as many as there are cores for this process.
        seconds: for each figure.
        pack: folder with InsightFace's two networks; None: where `deconvid models install` puts them.
        tell: hears what is done now.
    """

    def __init__(self, threads: int, seconds: float, pack: Path | None, tell: Tell) -> None:
        self.threads = threads or len(os.sched_getaffinity(0))
        self._seconds, self._pack, self._tell = seconds, pack, tell
        self._contestants: list[Contestant] = []
        self._report = EngineReport(self.threads)

    def enter(
        self,
        who: str,
        what: str,
        items: int,
        work: Callable[[], object],
        gmacs: float = 0,
        precision: Precision = "f32",
    ) -> None:
        """Args: gmacs: of one item, see `cost`; the others: see `Contestant`."""
        peak = self._peak(precision) if gmacs else 0.0
        self._contestants.append(Contestant(who, what, items, work, gmacs * items, peak))

    def cost(self, network: str, path: Path, shape: tuple[int, ...], sha256: str) -> float:
        """Returns the 10^9 multiply-accumulates of a network for one input of that shape."""
        self._report.sha256[network] = sha256
        self._report.gmacs[network] = round(count_macs(path, shape) / 1e9, 4)
        return self._report.gmacs[network]

    @contextmanager
    def rival(self, who: str) -> Iterator[None]:
        """Whoever cannot be had inside is noted, and the others go on."""
        self._tell(f"loading who='{who}'")
        try:
            yield
        except RivalMissingError as error:
            self._report.skipped[who] = str(error)

    def pack(self) -> Pack:
        """Raises RivalMissingError."""
        return Pack.find(self._pack)

    def race(self) -> EngineReport:
        self._report.figures = race(self._contestants, self._seconds, self._tell)
        self._tell("done")
        return self._report

    def _peak(self, precision: Precision) -> float:
        peaks = self._report.peak_gmacs_per_s
        if precision not in peaks:
            self._tell(f"timing peak precision={precision}")
            peaks[precision] = peak_gmacs_per_s(self.threads, precision, PEAK_S)
        return peaks[precision]


def precisions() -> list[Precision]:
    """Returns what this processor multiplies in by itself."""
    return ["f32", "bf16"] if has_bf16() else ["f32"]
