"""What the vision worker counts and measures of its own work."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from daemon.operations.reporter import LatencyHistogram, Reporter


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
    embed_ms: LatencyHistogram = field(default_factory=LatencyHistogram)
    """Of one batch through the embedder."""
    batch: int = 0
    """Crops in the newest one."""
    latency_ms: defaultdict[str, LatencyHistogram] = field(default_factory=lambda: defaultdict(LatencyHistogram))
    """From a frame's arrival to the end of its analysis, by camera."""

    def forget(self, camera: str) -> None:
        self.latency_ms.pop(camera, None)

    def tell(self, reporter: Reporter, cameras: int, networks: dict[str, float]) -> None:
        """Args: networks: gauges that name what is in use, such as `embedder.deconv_v1`."""
        reporter.report(
            counters={
                **self.counts,
                **{f"crops.{reason}": n for reason, n in self.crops.items()},
                **{f"closer.{outcome}": n for outcome, n in self.closer.items()},
            },
            gauges={"cameras": cameras, "batch_size": self.batch, **networks},
            histograms={
                "look_ms": self.look_ms,
                "embed_ms": self.embed_ms,
                **{f"latency_ms.{camera}": histogram for camera, histogram in self.latency_ms.items()},
            },
        )
