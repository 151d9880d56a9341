"""Whether the daemon does its work, and if not: which camera or stage is ill, and since when."""

from datetime import UTC, datetime

import msgspec

from daemon.operations.status import CameraStatus, DaemonStatus, WorkerStatus

LONGEST_SILENCE_S = 5.0
"""Age of a status that the supervisor would have replaced, if it lived."""
PATIENCE_S = 30.0
"""How long a camera may connect before it counts as ill."""

WELL = frozenset({"streaming", "ended", "paused"})


class Ill(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    subject: str
    """`supervisor`, `camera-door`, `vision`, `identity`, ..."""
    state: str
    detail: str
    """May be empty."""
    since: str | None
    """ISO 8601, UTC."""


class Health(msgspec.Struct, frozen=True):
    healthy: bool
    state: str
    """Of the daemon; `unknown` if it tells nothing."""
    ills: tuple[Ill, ...]
    told: tuple[str, ...] = ()
    """The same and more in the supervisor's words, for people."""


def health_of(status: DaemonStatus | None, now_ns: int) -> Health:
    """Returns how the daemon is.

    Args:
        status: what the supervisor wrote; None if there is nothing that can be read.
        now_ns: since 1970.
    """
    if status is None:
        return Health(False, "unknown", (Ill("supervisor", "gone", "there is no status that can be read", None),))
    found = (
        *_of_supervisor(status, now_ns),
        *(ill for ill in map(_of_worker, status.workers) if ill),
        *_of_cameras(status.cameras, now_ns),
    )
    working = status.state in ("running", "reloading")
    return Health(working and not found and not status.ills, status.state, found, status.ills)


def _of_supervisor(status: DaemonStatus, now_ns: int) -> list[Ill]:
    silent_s = (now_ns - status.written_wall_ns) / 1e9
    if silent_s <= LONGEST_SILENCE_S:
        return []
    return [Ill("supervisor", "silent", f"has written no status for {silent_s:.0f} s", _moment(status.written_wall_ns))]


def _of_worker(worker: WorkerStatus) -> Ill | None:
    if worker.state in ("running", "ended") and not worker.ill:
        return None
    return Ill(worker.name, worker.state, worker.ill, _moment(worker.since_wall_ns))


def _of_cameras(cameras: tuple[CameraStatus, ...], now_ns: int) -> list[Ill]:
    return [
        Ill(f"camera-{camera.name}", camera.state, camera.detail, _moment(camera.since_wall_ns))
        for camera in cameras
        if camera.state not in WELL
        and not (camera.state in ("connecting", "starting") and now_ns - camera.since_wall_ns < PATIENCE_S * 1e9)
    ]


def _moment(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
