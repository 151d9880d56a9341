"""Once a second: everything that is known of the daemon becomes one status."""

import logging
import os
import time
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from config import Settings
from daemon.crew import Crew
from daemon.frames import FRAMES_FOLDER, FrameRing
from daemon.messages import CameraState, Histogram
from daemon.operations.flow import FlowWatch
from daemon.operations.ills import IllBook, camera_ills, disk_ills, worker_ills
from daemon.operations.reports import Reports
from daemon.operations.status import CameraStatus, DaemonState, DaemonStatus, Ill, WorkerStatus, write_status
from daemon.operations.windows import LatencyWindow, RateWindow, percentile_ms
from daemon.procfs import usage_of
from daemon.worker_process import WorkerProcess

logger = logging.getLogger(__name__)

NOTHING = Histogram((), (0,), 0.0)

CameraStateSince = tuple[CameraState | Literal["starting"], str, int]
"""State, detail, and since when [ns since 1970]."""


class Observer:
    """Args:
    reports: what the workers say of themselves.
    configuration: path of the file, if there is one.
    """

    def __init__(self, reports: Reports, configuration: Path | None) -> None:
        self.state: DaemonState = "starting"
        self.newest: DaemonStatus | None = None
        self.flow = FlowWatch()
        self.refused = ""
        """Why the newest reload was refused; empty if it was not."""
        self._reports = reports
        self._configuration = str(configuration or "")
        self._started_wall_ns = time.time_ns()
        self._rates: defaultdict[str, RateWindow] = defaultdict(RateWindow)
        self._latencies: defaultdict[str, LatencyWindow] = defaultdict(LatencyWindow)
        self._ills = IllBook()
        self._write_failed = ""

    def observe(
        self, settings: Settings, crew: Crew, rings: dict[str, FrameRing], counters: dict[str, int]
    ) -> DaemonStatus:
        """Args: counters: of the supervisor itself."""
        cameras = tuple(
            self._camera(name, crew, rings[name]) if name in rings else _disabled(name, self._started_wall_ns)
            for name in settings.cameras
        )
        self.flow.look(cameras)
        workers = (self._supervisor(counters), *map(self._worker, crew))
        crash_looping = {worker.plan.name for worker in crew if worker.is_crash_looping}
        ills = [
            *camera_ills(cameras, settings.cameras, self.flow, time.time_ns()),
            *worker_ills(workers, crash_looping),
            *disk_ills(settings.state, FRAMES_FOLDER),
        ]
        if self.refused:
            ills.append(Ill("configuration", "refused", f"the old one runs on: {self.refused}"))
        if self._write_failed:
            ills.append(Ill("status", "unwritten", f"it cannot be written ({self._write_failed})"))
        self.newest = DaemonStatus(
            version=version("deconvid"),
            pid=os.getpid(),
            state=self.state,
            started_wall_ns=self._started_wall_ns,
            written_wall_ns=time.time_ns(),
            configuration=self._configuration,
            workers=workers,
            cameras=cameras,
            ills=self._ills.enter(ills),
        )
        return self.newest

    def write(self, runtime: Path, status: DaemonStatus) -> None:
        """Writes the status; a failure is told once and stays an ill until it works again."""
        try:
            write_status(runtime, status)
        except OSError as error:
            if not self._write_failed:
                logger.error("status_not_written cause='%s'", error.strerror)
            self._write_failed = error.strerror or type(error).__name__
        else:
            self._write_failed = ""

    def forget(self, camera: str) -> None:
        """For a camera that is gone, or whose counters start anew."""
        self._rates.pop(camera, None)
        self._latencies.pop(camera, None)

    def state_of(self, camera: str) -> str:
        """Returns the newest state of a camera, empty if there is none yet."""
        cameras = self.newest.cameras if self.newest else ()
        return next((each.state for each in cameras if each.name == camera), "")

    def _worker(self, worker: WorkerProcess) -> WorkerStatus:
        report, usage = self._reports.of(worker.plan.name), usage_of(worker.pid)
        return WorkerStatus(
            name=worker.plan.name,
            role=worker.plan.role,
            state=worker.state,
            pid=worker.pid,
            since_wall_ns=worker.since_wall_ns,
            restarts=worker.restarts,
            heartbeat_age_s=worker.heartbeat_age_s if worker.pid else 0.0,
            memory_bytes=usage.memory_bytes,
            cpu_s=usage.cpu_s,
            counters=report.counters,
            gauges=report.gauges,
            histograms={name: value for name, value in report.histograms.items() if "." not in name},
            ill=report.ill,
        )

    def _supervisor(self, counters: dict[str, int]) -> WorkerStatus:
        usage = usage_of(os.getpid())
        return WorkerStatus(
            name="supervisor",
            role="supervisor",
            state="running",
            pid=os.getpid(),
            since_wall_ns=self._started_wall_ns,
            restarts=0,
            heartbeat_age_s=0.0,
            memory_bytes=usage.memory_bytes,
            cpu_s=usage.cpu_s,
            counters=counters,
        )

    def _camera(self, name: str, crew: Crew, ring: FrameRing) -> CameraStatus:
        now_s, counts = time.monotonic(), ring.counts()
        latency = self._reports.of("vision").histograms.get(f"latency_ms.{name}", NOTHING)
        lately = self._latencies[name].add(now_s, latency)
        state, detail, since_wall_ns = self._camera_state(name, crew)
        return CameraStatus(
            name=name,
            state=state,
            detail=detail,
            since_wall_ns=since_wall_ns,
            captured=counts.captured,
            analysed=counts.analysed,
            in_flight=counts.in_flight,
            dropped={str(reason): n for reason, n in counts.dropped.items()},
            looks_per_s=self._rates[name].add(now_s, counts.analysed),
            latency_p50_ms=percentile_ms(lately, 0.5),
            latency_p95_ms=percentile_ms(lately, 0.95),
        )

    def _camera_state(self, name: str, crew: Crew) -> CameraStateSince:
        worker = crew.get(f"camera-{name}")
        assert worker
        report = self._reports.of(worker.plan.name).camera
        if name in crew.paused:
            return "paused", "until it is resumed, or the daemon is restarted", worker.since_wall_ns
        if worker.state == "ended":
            return "ended", report.detail if report else "", worker.since_wall_ns
        if worker.state == "failed":
            state, detail = (report.state, report.detail) if report else ("unsupported", "")
            return state, detail, worker.since_wall_ns
        if report is None or not worker.pid:
            return "starting", "" if worker.pid else "its worker is being restarted", worker.since_wall_ns
        return report.state, report.detail, report.since_wall_ns


def _disabled(name: str, since_wall_ns: int) -> CameraStatus:
    return CameraStatus(
        name=name,
        state="paused",
        detail=f"cameras.{name}.enabled = false",
        since_wall_ns=since_wall_ns,
        captured=0,
        analysed=0,
        in_flight=0,
        dropped={},
    )


def summary_of(status: DaemonStatus) -> str:
    """Returns one line: `3 of 4 cameras streaming, 14.9 looks/s, p95 86 ms`."""
    streaming = sum(camera.state == "streaming" for camera in status.cameras)
    parts = [f"{streaming} of {len(status.cameras)} cameras streaming"]
    parts.append(f"{sum(camera.looks_per_s for camera in status.cameras):.1f} looks/s")
    slowest = [camera.latency_p95_ms for camera in status.cameras if camera.latency_p95_ms is not None]
    if slowest:
        parts.append(f"p95 {max(slowest):.0f} ms")
    if status.ills:
        parts.append(f"{len(status.ills)} ill: {status.ills[0]}")
    return ", ".join(parts)
