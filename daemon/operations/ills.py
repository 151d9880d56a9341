"""What is wrong with the daemon, in sentences for people."""

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from config import CameraSettings
from daemon.operations.flow import FlowWatch
from daemon.operations.status import CameraStatus, WorkerStatus

PATIENCE_S = 10.0
"""How long a camera may take to stream."""
LEAST_LOOKS = 3
"""Looks that a streaming camera may miss, if that is longer than the patience."""
LEAST_FREE_BYTES = 500_000_000
MOST_SHARED_MEMORY = 0.9
"""Share of /dev/shm."""

WELL = ("streaming", "ended", "paused")


class IllBook:
    """Remembers since when each ill has lasted."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def enter(self, ills: Iterable[str]) -> tuple[str, ...]:
        """Returns the ills of this round, each with its first moment."""
        now_s = time.time()
        self._since = {ill: self._since.get(ill, now_s) for ill in ills}
        return tuple(f"{ill} (since {_moment(since_s)})" for ill, since_s in self._since.items())


def camera_ills(
    cameras: Iterable[CameraStatus], settings: Mapping[str, CameraSettings], flow: FlowWatch
) -> Iterator[str]:
    now_ns = time.time_ns()
    for camera in cameras:
        detail = f": {camera.detail}" if camera.detail else ""
        if camera.state not in WELL and (now_ns - camera.since_wall_ns) / 1e9 > PATIENCE_S:
            yield f"camera {camera.name} does not stream ({camera.state.replace('_', ' ')}){detail}"
        elif flow.silent_s(camera.name) > max(PATIENCE_S, LEAST_LOOKS / settings[camera.name].detect_fps):
            yield f"camera {camera.name} streams, but no frame of it is analysed"


def worker_ills(workers: Iterable[WorkerStatus], crash_looping: set[str]) -> Iterator[str]:
    for worker in workers:
        if worker.name in crash_looping:
            yield f"worker {worker.name} dies again and again; see the log and crashes/"
        elif worker.state in ("restarting", "failed"):
            yield f"worker {worker.name} " + ("is being restarted" if worker.state == "restarting" else "has failed")
        if worker.ill:
            yield f"worker {worker.name}: {worker.ill}"


def disk_ills(state: Path, shared_memory: Path) -> Iterator[str]:
    try:
        if shutil.disk_usage(state).free < LEAST_FREE_BYTES:
            yield f"the state folder has less than {LEAST_FREE_BYTES // 1_000_000} MB left; free some space"
        total, used, _free = shutil.disk_usage(shared_memory)
        if used > MOST_SHARED_MEMORY * total:
            yield f"{shared_memory} is more than {MOST_SHARED_MEMORY:.0%} full; enlarge it or use smaller streams"
    except OSError as error:
        yield f"a folder cannot be examined ({error.strerror})"


def _moment(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
