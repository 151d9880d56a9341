"""What is seen of the daemon while it is soaked: events, status, and how long each fault was felt."""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.demo.verdict import Verdict
from daemon.frames import FrameCounts
from daemon.operations.health import health_of
from daemon.operations.status import DaemonStatus
from daemon.soak.schedule import Fault
from deconvid_client import Event

NOTICED_S = 1.5
"""After the end of a fault: a status that is older may not know of it yet."""


@dataclass(slots=True)
class Ordeal:
    """One fault, and how it was borne."""

    fault: Fault
    began_s: float
    """After the soak's start, as are all."""
    ended_s: float | None = None
    recovered_s: float | None = None
    """When all was well again: nothing ill, and every camera's frames analysed since the fault ended."""
    refused: str = ""
    """Why it could not be inflicted."""
    analysed_then: dict[str, int] = field(default_factory=dict)
    """Frames of each camera when the fault ended."""


@dataclass(slots=True)
class Sample:
    """The status of one second."""

    at_s: float
    memory_bytes: dict[str, int]
    """By worker."""
    cpu_s: dict[str, float]
    analysed: dict[str, int]
    """By camera."""
    ills: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delay:
    """From capture to event."""

    at_s: float
    """When the event came."""
    camera: str
    ms: float


@dataclass(slots=True)
class Watch:
    verdict: Verdict
    started_s: float = field(default_factory=time.monotonic)
    sequences: list[int] = field(default_factory=list)
    """In the order in which they came."""
    delays: list[Delay] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    ordeals: list[Ordeal] = field(default_factory=list)
    unaccounted: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Looks at a camera's account that did not add up."""

    @property
    def now_s(self) -> float:
        return time.monotonic() - self.started_s

    def take_event(self, event: Event) -> None:
        self.sequences.append(event.sequence)
        self.verdict.take(event)
        if latency_ms := event.data.get("latency_ms"):
            self.delays.append(Delay(self.now_s, event.camera or "", latency_ms))

    def take_status(self, status: DaemonStatus | None, now_ns: int) -> None:
        """Args: now_ns: the daemon's wall clock."""
        if status is None:
            return
        health = health_of(status, now_ns)
        analysed = {camera.name: camera.analysed for camera in status.cameras}
        self.samples.append(
            Sample(
                self.now_s,
                {worker.name: worker.memory_bytes for worker in status.workers},
                {worker.name: worker.cpu_s for worker in status.workers},
                analysed,
                tuple(f"{ill.subject} {ill.state}" for ill in health.ills),
            )
        )
        for ordeal in self.ordeals:
            if health.healthy:
                self._note_recovery(ordeal, analysed)

    def take_accounts(self, accounts: Mapping[str, FrameCounts]) -> None:
        for camera, counts in accounts.items():
            if not counts.add_up:
                self.unaccounted[camera] += 1

    def _note_recovery(self, ordeal: Ordeal, analysed: dict[str, int]) -> None:
        if ordeal.ended_s is None or ordeal.recovered_s is not None or self.now_s < ordeal.ended_s + NOTICED_S:
            return
        if all(count > ordeal.analysed_then.get(camera, 0) for camera, count in analysed.items()):
            ordeal.recovered_s = self.now_s

    def begin(self, fault: Fault) -> Ordeal:
        self.ordeals.append(Ordeal(fault, self.now_s))
        return self.ordeals[-1]

    def end(self, ordeal: Ordeal, refused: str = "") -> None:
        ordeal.ended_s, ordeal.refused = self.now_s, refused
        ordeal.analysed_then = dict(self.samples[-1].analysed) if self.samples else {}
