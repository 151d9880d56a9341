"""`deconvid bench match`: how fast and how exactly faces are found among many, beside what others would use."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from daemon.bench.bandwidth import MemoryReader
from daemon.bench.contestants import BYTES, CONTESTANTS, Faces, by_numpy, own_table
from daemon.bench.crowds import BLOCK, crowd, looks_at
from daemon.identity.search import Precision, VectorTable

DIMENSION = 512
COUNT = 5
LEAST_RUNS, MOST_RUNS = 3, 25
JUDGED = 1024
"""Looks among 100,000 faces whose answers are compared with brute force; fewer among more."""

KEPT: tuple[Precision, ...] = ("fp16", "int8")
"""Precisions in which the gallery keeps faces."""

Tell = Callable[[str], None]


class Speed(msgspec.Struct, frozen=True):
    faces: int
    library: str
    precision: Precision
    batch: int
    best_ms: float
    median_ms: float
    read_gb_per_s: float
    """Bytes of all faces in the best time."""
    bandwidth_share: float
    """Of the best rate at which memory was read between the searches."""


class Exactness(msgspec.Struct, frozen=True):
    """Share of looks, 0..1, at which a search finds what brute force in float32 does."""

    faces: int
    library: str
    precision: Precision
    looks: int
    recall_at_1: float
    recall_at_5: float


class Upkeep(msgspec.Struct, frozen=True):
    """What the product's own table takes."""

    faces: int
    precision: Precision
    megabytes: float
    add_ms: float
    """Median of one person."""
    add_worst_ms: float
    remove_ms: float
    remove_worst_ms: float
    error_bound: float
    """See `VectorTable.error`."""
    refined: float
    """Mean number of faces that may be among the five nearest, by what rounding may do."""


class MatchReport(msgspec.Struct):
    bandwidth_gb_per_s: float = 0.0
    """Best of all measurements."""
    speeds: list[Speed] = msgspec.field(default_factory=list)
    exactness: list[Exactness] = msgspec.field(default_factory=list)
    upkeep: list[Upkeep] = msgspec.field(default_factory=list)


class MatchBench:
    def __init__(self, memory_gb: float, tell: Tell, enough_s: float = 2.0, changes: int = 5000) -> None:
        """
        Args:
            memory_gb: a search is left out whose faces, with those it is built from, take more.
            tell: hears what is done now; a line that begins with `timing` means that a quiet machine would help.
            enough_s: of searching, after which a search is not repeated any more.
            changes: how many people are added and removed. A table has to grow once for so many.
        """
        self._memory_gb, self._tell = memory_gb, tell
        self._enough_s, self._changes = enough_s, changes
        self._reader = MemoryReader()
        self.report = MatchReport()

    def run(self, sizes: Sequence[int]) -> MatchReport:
        for size in sizes:
            if self._fits(size, BYTES["fp32"], BYTES["fp32"]):
                self._compare(size)
            self._keep_up(size)
        self._tell("done")
        return self.report

    def _fits(self, size: int, *bytes: int) -> bool:
        return size * DIMENSION * sum(bytes) <= self._memory_gb * 1e9

    def _compare(self, size: int) -> None:
        """Measures everybody's search among faces that are in memory as they are."""
        self._tell(f"making faces={size}")
        faces = np.concatenate(list(crowd(size, DIMENSION)))
        looks = looks_at(
            faces[np.random.default_rng(2).integers(0, size, max(64, min(size, JUDGED, JUDGED * BLOCK // size)))]
        )
        right = brute_force(faces, looks)
        for contestant in CONTESTANTS:
            if not contestant.is_installed:
                continue
            name = f"faces={size} library={contestant.library} precision={contestant.precision}"
            self._tell(f"building {name}")
            search = contestant.build(faces)
            for batch in contestant.batches:
                self._tell(f"timing {name} batch={batch}")
                self._time(size, contestant.library, contestant.precision, search, looks[:batch])
            self._tell(f"judging {name}")
            batch = max(contestant.batches)
            judged = len(looks) if contestant.library == "deconvid" else 2 * batch
            found = np.concatenate([search(looks[start : start + batch], COUNT) for start in range(0, judged, batch)])
            self.report.exactness.append(
                Exactness(size, contestant.library, contestant.precision, judged, *recalls(found, right[:judged]))
            )
            del search

    def _keep_up(self, size: int) -> None:
        """Measures the upkeep of our own table, and its search where the faces as they are do not fit beside it."""
        for precision in KEPT:
            if not self._fits(size, BYTES[precision]):
                continue
            self._tell(f"building faces={size} precision={precision} upkeep")
            table = own_table(crowd(size, DIMENSION), DIMENSION, precision)
            looks = looks_at(next(crowd(32, DIMENSION)))
            if not self._fits(size, BYTES["fp32"], BYTES["fp32"]):
                for batch in (1, 32):
                    self._tell(f"timing faces={size} precision={precision} batch={batch}")
                    self._time(size, "deconvid", precision, table.nearest, looks[:batch])
            self.report.upkeep.append(upkeep(table, precision, looks, self._changes))
            del table

    def _time(
        self, size: int, library: str, precision: Precision, search: Callable[[Faces, int], object], probes: Faces
    ) -> None:
        search(probes, COUNT)
        times_s: list[float] = []
        rates: list[float] = []
        while len(times_s) < LEAST_RUNS or (len(times_s) < MOST_RUNS and sum(times_s) < self._enough_s):
            rates.append(self._reader.gigabytes_per_s())
            times_s.append(_seconds(partial(search, probes, COUNT)))
        rate = size * DIMENSION * BYTES[precision] / min(times_s) / 1e9
        self.report.bandwidth_gb_per_s = max(self.report.bandwidth_gb_per_s, round(max(rates), 2))
        self.report.speeds.append(
            Speed(
                *(size, library, precision, len(probes)),
                best_ms=round(min(times_s) * 1e3, 4),
                median_ms=round(statistics.median(times_s) * 1e3, 4),
                read_gb_per_s=round(rate, 2),
                bandwidth_share=round(rate / max(rates), 3),
            )
        )


def upkeep(table: VectorTable, precision: Precision, looks: Faces, changes: int) -> Upkeep:
    size, megabytes = len(table), table.nbytes / 1e6
    refined = statistics.mean(len(near.ids) for near in table.nearest(looks, COUNT))
    [faces] = crowd(changes, DIMENSION, seed=3)
    gone = np.random.default_rng(4).permutation(size + changes)[:changes].tolist()
    add_s = [_seconds(partial(table.put, [size + i], faces[i : i + 1])) for i in range(changes)]
    remove_s = [_seconds(partial(table.remove, [id])) for id in gone]
    return Upkeep(
        faces=size,
        precision=precision,
        megabytes=round(megabytes, 1),
        add_ms=round(statistics.median(add_s) * 1e3, 4),
        add_worst_ms=round(max(add_s) * 1e3, 4),
        remove_ms=round(statistics.median(remove_s) * 1e3, 4),
        remove_worst_ms=round(max(remove_s) * 1e3, 4),
        error_bound=round(table.error, 6),
        refined=refined,
    )


def brute_force(faces: Faces, looks: Faces) -> NDArray[np.int64]:
    """Returns (B, 5) the rows of the nearest faces, best first."""
    search = by_numpy(faces)
    return np.concatenate([search(looks[start : start + 32], COUNT) for start in range(0, len(looks), 32)])


def recalls(found: NDArray[np.int64], right: NDArray[np.int64]) -> Iterator[float]:
    """Yields the shares of best ones, and of five best ones, that were found; both args are (B, 5)."""
    yield round(float((found[:, 0] == right[:, 0]).mean()), 6)
    yield round(float((found[:, :, None] == right[:, None]).any(1).mean()), 6)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
