"""What is wrong with the daemon: the one list of which `deconvid status`, `/health` and the metrics tell."""

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from config import CameraSettings
from daemon.operations.flow import FlowWatch
from daemon.operations.status import CameraStatus, Ill, WorkerStatus

PATIENCE_S = 30.0
"""How long a camera may connect before it counts as ill."""
UNSEEN_S = 10.0
"""How long a camera may stream and no frame of it be analysed."""
LEAST_LOOKS = 3
"""Looks that a streaming camera may miss, if that is longer."""
LEAST_FREE_BYTES = 500_000_000
MOST_SHARED_MEMORY = 0.9
"""Share of /dev/shm."""

WELL = frozenset({"streaming", "ended", "paused"})
CONNECTING = frozenset({"connecting", "starting"})


class IllBook:
    """Remembers since when each ill has lasted."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str], str] = {}

    def enter(self, ills: Iterable[Ill]) -> tuple[Ill, ...]:
        """Returns the ills of this round, each with its first moment."""
        now = moment(time.time_ns())
        dated = [replace(ill, since=ill.since or self._since.get((ill.subject, ill.state), now)) for ill in ills]
        self._since = {(ill.subject, ill.state): ill.since or now for ill in dated}
        return tuple(dated)


def camera_ills(
    cameras: Iterable[CameraStatus], settings: Mapping[str, CameraSettings], flow: FlowWatch, now_ns: int
) -> Iterator[Ill]:
    for camera in cameras:
        lasted_s = (now_ns - camera.since_wall_ns) / 1e9
        if camera.state not in WELL and not (camera.state in CONNECTING and lasted_s < PATIENCE_S):
            yield Ill(f"camera-{camera.name}", camera.state, camera.detail, moment(camera.since_wall_ns))
        elif flow.silent_s(camera.name) > max(UNSEEN_S, LEAST_LOOKS / settings[camera.name].detect_fps):
            yield Ill(f"camera-{camera.name}", "unseen", "streams, but no frame of it is analysed")


def worker_ills(workers: Iterable[WorkerStatus], crash_looping: set[str]) -> Iterator[Ill]:
    for worker in workers:
        # Who starts for the first time, or anew on purpose, is not ill.
        is_away = worker.state in ("restarting", "failed") or (worker.state == "starting" and worker.restarts)
        if worker.name in crash_looping:
            yield Ill(worker.name, "crash_looping", "dies again and again; see the log and crashes/")
        elif is_away:
            yield Ill(worker.name, worker.state, worker.ill, moment(worker.since_wall_ns))
        elif worker.ill:
            yield Ill(worker.name, worker.state, worker.ill)


def disk_ills(state: Path, shared_memory: Path) -> Iterator[Ill]:
    try:
        if shutil.disk_usage(state).free < LEAST_FREE_BYTES:
            yield Ill("state", "full", f"less than {LEAST_FREE_BYTES // 1_000_000} MB are left; free some space")
        total, used, _free = shutil.disk_usage(shared_memory)
        if used > MOST_SHARED_MEMORY * total:
            fix = "enlarge it or use smaller streams"
            yield Ill("shared-memory", "full", f"{shared_memory} is used to more than {MOST_SHARED_MEMORY:.0%}; {fix}")
    except OSError as error:
        yield Ill("state", "unreadable", f"a folder cannot be examined ({error.strerror})")


def moment(wall_ns: int) -> str:
    """Returns nanoseconds since 1970 as ISO 8601, UTC, seconds."""
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
