"""What the supervisor knows about the running daemon, once a second, in one file.

The file lies in the runtime folder and is replaced atomically: whoever reads it (`deconvid status`, the metrics and
health endpoint) asks nothing of the supervisor and cannot hold it up.
"""

import os
from pathlib import Path
from typing import Literal

import msgspec

from config.errors import DeconvIDError
from daemon.messages import CameraState, Histogram

FILE_NAME = "status.json"

DaemonState = Literal["starting", "running", "stopping"]

WorkerState = Literal["starting", "running", "restarting", "ended", "failed"]


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """`supervisor`, `camera-door`, `vision`, `identity`, `bus`, `web`, `bridge-NAME`."""
    role: str
    state: WorkerState
    pid: int | None
    since_wall_ns: int
    """Of the state."""
    restarts: int
    """Since the daemon started."""
    heartbeat_age_s: float
    memory_bytes: int
    """Resident; 0 if it does not run."""
    cpu_s: float
    """Since this process started."""
    counters: dict[str, int] = {}
    gauges: dict[str, float] = {}
    histograms: dict[str, Histogram] = {}
    ill: str = ""
    """What the worker itself says is wrong, though it runs; may be empty."""


class CameraStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: CameraState | Literal["starting"]
    detail: str
    since_wall_ns: int
    captured: int
    analysed: int
    in_flight: int
    dropped: dict[str, int]
    """By reason; captured = analysed + in_flight + sum(dropped). All of it since the camera's ring was made."""
    looks_per_s: float = 0.0
    """Analysed frames, over the last ten seconds or so."""
    latency_p50_ms: float | None = None
    """From a frame's arrival to the end of its analysis, over the last minute or so; None if there was none."""
    latency_p95_ms: float | None = None


class Ill(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    subject: str
    """`supervisor`, `camera-door`, `vision`, `identity`, `state`, ..."""
    state: str
    detail: str = ""
    since: str | None = None
    """ISO 8601, UTC."""

    def __str__(self) -> str:
        text = f"{self.subject} {self.state.replace('_', ' ')}" + (f": {self.detail}" if self.detail else "")
        return f"{text} (since {self.since})" if self.since else text


class DaemonStatus(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    """Of the program."""
    pid: int
    state: DaemonState
    started_wall_ns: int
    written_wall_ns: int
    """When this was written: older than some seconds means that the daemon is gone or stuck."""
    configuration: str
    """Path of the configuration file; may be empty."""
    workers: tuple[WorkerStatus, ...]
    cameras: tuple[CameraStatus, ...]
    ills: tuple[Ill, ...] = ()
    """What is wrong now; empty if all is well."""


class NoStatusError(DeconvIDError):
    """No daemon has written a status here."""


def write_status(runtime: Path, status: DaemonStatus) -> None:
    """Replaces the status file, mode 0600. Raises OSError."""
    path = f"{runtime}/{FILE_NAME}"  # no Path: daemon/procfs.py tells why
    part = f"{path}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(msgspec.json.encode(status))
    os.replace(part, path)


def read_status(runtime: Path) -> DaemonStatus:
    """
    Raises:
        NoStatusError: there is none, or it is of another version.
        PermissionError: it is not for this user to read.
    """
    path = runtime / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=DaemonStatus)
    except PermissionError:
        raise
    except OSError as error:
        raise NoStatusError(f"{path}: {error.strerror}. Is `deconvid run` running with this configuration?") from error
    except msgspec.MsgspecError as error:
        raise NoStatusError(f"{path}: is of another version. Restart the daemon") from error
