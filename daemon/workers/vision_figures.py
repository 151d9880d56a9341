"""What the vision worker counts and measures of its own work."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from daemon.operations.reporter import LatencyHistogram, Reporter
from engine.embedder import BEST_BATCH


@dataclass(slots=True)
class VisionFigures:
    counts: Counter[str] = field(default_factory=Counter)
    """`looks`, `faces`, and what went wrong."""
    crops: Counter[str] = field(default_factory=Counter)
    """What became of every face that was found, by reason."""
    closer: Counter[str] = field(default_factory=Counter)
    """What became of every look at a main stream that was wanted."""
    look_ms: LatencyHistogram = field(default_factory=LatencyHistogram)
    """Of one frame through the detector."""
    batches: Counter[str] = field(default_factory=Counter)
    """Batches of crops that were embedded, by kind: `free`, `next` and `full`, see docs/operations.md."""
    wait_ms: LatencyHistogram = field(default_factory=LatencyHistogram)
    """Of one crop, for the embedder."""
    embed_ms: LatencyHistogram = field(default_factory=LatencyHistogram)
    """Of one batch through the embedder."""
    batch: int = 0
    """Crops in the newest one."""
    latency_ms: defaultdict[str, LatencyHistogram] = field(default_factory=lambda: defaultdict(LatencyHistogram))
    """From a frame's arrival to the end of its analysis, by camera."""

    def forget(self, camera: str) -> None:
        self.latency_ms.pop(camera, None)

    def note_batch(self, kind: str, waited_s: Sequence[float], embed_s: float) -> None:
        self.batches[kind] += 1
        self.batch = len(waited_s)
        self.crops["embedded"] += len(waited_s)
        self.embed_ms.add(embed_s * 1e3)
        for each_s in waited_s:
            self.wait_ms.add(each_s * 1e3)

    @property
    def fill(self) -> float:
        """Crops that were embedded, as a share of what their batches could have held."""
        return self.crops["embedded"] / max(1, self.batches.total()) / BEST_BATCH

    def tell(self, reporter: Reporter, cameras: int, networks: dict[str, float]) -> None:
        """Args: networks: gauges that name what is in use, such as `embedder.deconv_v2`."""
        reporter.report(
            counters={
                **self.counts,
                **{f"crops.{reason}": n for reason, n in self.crops.items()},
                **{f"batches.{reason}": n for reason, n in self.batches.items()},
                **{f"closer.{outcome}": n for outcome, n in self.closer.items()},
            },
            gauges={"cameras": cameras, "batch_size": self.batch, "batch_fill": round(self.fill, 3), **networks},
            histograms={
                "look_ms": self.look_ms,
                "wait_ms": self.wait_ms,
                "embed_ms": self.embed_ms,
                **{f"latency_ms.{camera}": histogram for camera, histogram in self.latency_ms.items()},
            },
        )
