"""What the benchmarks of the engine's steps have in common."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from daemon.bench.rivals import Pack, RivalMissingError
from daemon.bench.roofline import count_macs, products
from daemon.bench.timing import Contestant, Figure, race
from engine.runtimes import Precision
from engine.runtimes.openvino import has_bf16

Tell = Callable[[str], None]


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
        self._contestants: list[tuple[Contestant, Precision]] = []
        self._products: dict[Precision, list[Contestant]] = {}
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
        if gmacs and precision not in self._products:
            self._products[precision] = products(self.threads, precision)
        self._contestants.append((Contestant(who, what, items, work, gmacs * items), precision))

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
        """Returns the report. Products are timed in turn with the others: what else the machine does hits both."""
        every = [*(each for each, _ in self._contestants), *itertools.chain(*self._products.values())]
        figures = race(every, self._seconds, self._tell)
        rest = iter(figures[len(self._contestants) :])
        for precision, entered in self._products.items():
            rates = [product.gmacs / next(rest).best_ms * 1e3 for product in entered]
            self._report.peak_gmacs_per_s[precision] = round(max(rates), 1)
        self._report.figures = [
            msgspec.structs.replace(figure, share_of_peak=self._share(figure, precision))
            for figure, (_, precision) in zip(figures, self._contestants, strict=False)
        ]
        self._tell("done")
        return self._report

    def _share(self, figure: Figure, precision: Precision) -> float | None:
        peak = self._report.peak_gmacs_per_s.get(precision)
        return round(figure.gmacs_per_s / peak, 3) if figure.gmacs_per_s and peak else None


def precisions() -> list[Precision]:
    """Returns what this processor multiplies in by itself."""
    return ["f32", "bf16"] if has_bf16() else ["f32"]
