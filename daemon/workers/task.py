"""How a worker learns what to do, and when to stop.

The supervisor writes one line of JSON to the worker's standard input and keeps it open: its end means that the
supervisor is gone. Arguments and environment would show the passwords in it to others on the machine.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Literal, Self, TypeVar

import msgspec
from setproctitle import setproctitle

from config.errors import DeconvIDError
from daemon.crashes import trace_crashes
from daemon.exits import EXIT_FAILURE

if TYPE_CHECKING:
    from config import CameraSettings

Task = TypeVar("Task", bound=msgspec.Struct)
Hwaccel = Literal["none", "auto", "cuda", "vaapi", "qsv"]


class CameraTask(msgspec.Struct, frozen=True, kw_only=True):
    """What a camera worker is to read, and where to deliver it."""

    name: str
    kind: Literal["rtsp", "file", "device"]
    address: str
    """With the credentials in it: never show it."""
    main_address: str = ""
    """Of the main stream, if there is one; with the credentials in it, too."""
    transport: Literal["tcp", "udp"] = "tcp"
    tls_authority: str = ""
    """Path of the certificate that must have signed the camera's; empty: any certificate will do."""
    hwaccel: Hwaccel = "none"
    """What decodes `address`."""
    detect_fps: float
    weight: float = 1.0
    open_timeout_s: float
    read_timeout_s: float
    max_width_px: int
    max_height_px: int
    privacy_masks: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Polygons, as in the settings."""
    regions: tuple[tuple[tuple[float, float], ...], ...] = ()
    motion_sensitivity: float | None = None
    """None: no motion gate."""
    still_look_s: float = 2.0
    ring: str
    """Path of the camera's frame ring."""
    heartbeat: str
    """Path of the worker's heartbeat."""
    frames: str
    """ZeroMQ endpoint of the vision worker."""
    closer: str = ""
    """ZeroMQ endpoint of the vision worker, where it asks for parts of the main stream's frames."""
    observations: str
    """ZeroMQ endpoint of the identity worker."""
    reports: str
    """ZeroMQ endpoint of the supervisor."""
    fast: bool = False
    """A file: as fast as it can be analysed, instead of as it was recorded."""

    @classmethod
    def of(
        cls,
        name: str,
        settings: "CameraSettings",
        *,
        ring: Path,
        heartbeat: Path,
        frames: str,
        observations: str,
        reports: str,
        closer: str = "",
        fast: bool = False,
    ) -> Self:
        return cls(
            name=name,
            kind=settings.kind,
            address=settings.address,
            main_address=settings.main_address,
            transport=settings.transport,
            tls_authority=str(settings.tls_authority or ""),
            hwaccel=settings.hwaccel,
            detect_fps=settings.detect_fps,
            weight=settings.weight,
            open_timeout_s=settings.open_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            max_width_px=settings.max_width_px,
            max_height_px=settings.max_height_px,
            privacy_masks=settings.privacy_masks,
            regions=settings.regions,
            motion_sensitivity=settings.motion_sensitivity if settings.motion_gate else None,
            still_look_s=settings.still_look_s,
            ring=str(ring),
            heartbeat=str(heartbeat),
            frames=frames,
            observations=observations,
            reports=reports,
            closer=closer,
            fast=fast,
        )

    def __repr__(self) -> str:
        return f"CameraTask(name={self.name!r})"


class VisionTask(msgspec.Struct, frozen=True, kw_only=True):
    """What the vision worker looks at, and how."""

    settings: str
    """The settings as JSON, without the cameras and their secrets."""
    rings: dict[str, str]
    """Path of each camera's frame ring."""
    heartbeat: str
    frames: str
    """ZeroMQ endpoint where tokens arrive."""
    closer: str
    """ZeroMQ endpoint where cameras answer that have a main stream."""
    observations: str
    """ZeroMQ endpoint of the identity worker."""
    reports: str
    """ZeroMQ endpoint of the supervisor."""


class IdentityTask(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the identity worker is to tell apart, how sure it has to be, and where it says so."""

    database: str
    """Path of the identity store."""
    database_url: str | None = None
    """Of PostgreSQL, with its password: never show it."""
    master_key: str
    """Where the master key is, or the key itself: never show it."""
    model: str
    """Digest of the embedder: only templates of the same one are compared."""
    threshold: float
    """Where there are no impostor tails."""
    fpir: float = 0.001
    strangers_are: Literal["alike", "anybody"] = "alike"
    """For whom it is kept."""
    impostors: str = ""
    """The embedder's impostor tails as JSON; empty: the threshold always holds."""
    margin: float
    hysteresis: float
    least_observations: int
    nearness: float = 0.0
    patience: int = 0
    heartbeat: str
    observations_endpoint: str
    """Where it receives."""
    stored_endpoint: str
    """Where it says that there are new events in the store."""
    reports: str
    """ZeroMQ endpoint of the supervisor."""
    keep_days: int | None = None
    """Age at which events are deleted; None: never."""
    keep_megabytes: int | None = None
    """Size of all events beyond which the oldest are deleted; None: never."""
    erase_expired_after_days: int = 7
    """Of people whose consent has run out."""
    snapshots: str = "{}"
    """Their settings as JSON."""
    strangers: str = "{}"
    """Settings as JSON."""
    retention: str = "{}"
    """Settings as JSON."""

    def __repr__(self) -> str:
        return "IdentityTask()"


class NetworkTask(msgspec.Struct, frozen=True, kw_only=True):
    """Where the bus listens for other machines."""

    events: str
    """ZeroMQ endpoints."""
    requests: str
    keys: str | None
    """Path of the folder of keys; None: no encryption."""


class BusTask(msgspec.Struct, frozen=True, kw_only=True):
    """What the bus worker tells, and where."""

    database: str
    """Path of the identity store."""
    database_url: str | None = None
    """Of PostgreSQL, with its password: never show it."""
    cursor: str
    """Path of the file that says how far it has told."""
    format: Literal["json", "msgpack"] = "json"
    """Of events on the wire."""
    stored: str
    """ZeroMQ endpoint of the identity worker, which says what is new."""
    events: str
    """Where it publishes."""
    requests: str
    """Where it answers."""
    control: str
    """ZeroMQ endpoint where the supervisor takes commands."""
    observations: str
    """ZeroMQ endpoint of the identity worker, which puts refused commands on record."""
    network: NetworkTask | None = None
    heartbeat: str
    reports: str
    """ZeroMQ endpoint of the supervisor."""

    def __repr__(self) -> str:
        return "BusTask()"


class WebTask(msgspec.Struct, frozen=True, kw_only=True):
    """Where the web worker listens, and where it finds what it tells."""

    host: str
    port: int
    runtime: str
    """Folder of the supervisor's status."""
    heartbeat: str
    reports: str
    """ZeroMQ endpoint of the supervisor."""


def read_task(kind: type[Task]) -> Task:
    """Reads the task from standard input; from then on this process ends with its supervisor.

    Gives the process its name, which is its argument, as lists of processes show it.

    Raises:
        DeconvIDError: there is none; the text of the task is not in the message.
    """
    if len(sys.argv) > 1:
        setproctitle(f"deconvid: {sys.argv[1]}")
    trace_crashes()
    line = sys.stdin.buffer.readline()
    try:
        task = msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError:
        raise DeconvIDError("no task on standard input. Workers are started by `deconvid run`") from None
    threading.Thread(target=_exit_with_supervisor, name="supervisor-watch", daemon=True).start()
    return task


def _exit_with_supervisor() -> None:
    """However it ends. Reads past Python's buffer, whose lock the interpreter wants when it ends itself."""
    while os.read(0, 1024):
        pass
    os._exit(EXIT_FAILURE)


def stop_on_sigterm() -> threading.Event:
    """Returns the event that SIGTERM sets.

    Ctrl-C, and the end of a terminal, reach everybody in it; the supervisor decides what they mean.
    """
    stop = threading.Event()

    def set_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, set_stop)
    for of_the_terminal in (signal.SIGINT, signal.SIGHUP):
        signal.signal(of_the_terminal, signal.SIG_IGN)
    return stop
