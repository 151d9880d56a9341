"""What a running daemon owns: its state folder and the lock on it, the sockets' folder, the frame rings."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from config import DeconvIDError, Settings
from daemon.errors import AlreadyRunningError
from daemon.events.cursor import CursorFile
from daemon.frames import FRAMES_FOLDER, FrameRing, instance_id, remove_rings
from daemon.plans import Place, make_plans
from daemon.store import Store
from daemon.worker_process import WorkerPlan

logger = logging.getLogger(__name__)

LONGEST_SOCKET_PATH = 107
"""Bytes that a Unix socket's address holds (unix(7): sun_path less its final zero)."""

PID_BYTES = 16
"""Room for a process id in the lock file, taken at once: a full disk is then told before anything runs."""


class House:
    """Use `House.open`; leaving it removes what must not stay behind."""

    def __init__(self, settings: Settings, rings: dict[str, FrameRing]) -> None:
        self._settings, self._rings = settings, rings

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Iterator["House"]:
        """Locks the state folder, checks the store and makes the rings.

        Raises:
            AlreadyRunningError: another daemon works in this state folder.
            DeconvIDError: a folder, the store or the shared memory cannot be used.
        """
        with ExitStack() as undo:
            _make_folder(settings.state)
            _make_folder(settings.runtime_folder)
            undo.enter_context(_locked(settings.state))
            # Two daemons with one runtime folder would take each other's sockets.
            undo.enter_context(_locked(settings.runtime_folder))
            instance = instance_id(settings.state)
            remove_rings(instance, FRAMES_FOLDER)  # a daemon that was killed could not
            _prepare_store(settings)
            rings = {}
            for name, camera in settings.cameras.items():
                ring = FrameRing.create(FRAMES_FOLDER, instance, name, camera.max_width_px, camera.max_height_px)
                undo.callback(ring.unlink)
                undo.callback(ring.close)
                rings[name] = ring
            yield cls(settings, rings)

    def plans(self, fast: bool) -> list[WorkerPlan]:
        """Returns how to run each worker, in the order in which they start."""
        return make_plans(Place(self._settings, {name: ring.path for name, ring in self._rings.items()}, fast))

    def log_accounts(self) -> None:
        """Says what became of every frame."""
        for name, ring in self._rings.items():
            counts = ring.counts()
            dropped = " ".join(f"dropped_{reason}={n}" for reason, n in sorted(counts.dropped.items()) if n)
            logger.info(
                "frames camera=%s captured=%d analysed=%d in_flight=%d %s",
                *(name, counts.captured, counts.analysed, counts.in_flight, dropped),
            )


def _prepare_store(settings: Settings) -> None:
    """Migrates the store before any worker opens it. In a store of another history, the bus begins with what comes."""
    with Store.open(settings.database) as store:
        cursor = CursorFile(settings.bus_cursor, store.epoch)
        if cursor.load() is None:
            cursor.save(store.events.newest())


def socket_path_fault(endpoint: str) -> str | None:
    """Returns what is wrong with an ipc endpoint's length, None if nothing is."""
    path = endpoint.removeprefix("ipc://")
    if endpoint.startswith("ipc://") and len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        return f"the socket path {path} has more than {LONGEST_SOCKET_PATH} bytes"
    return None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DeconvIDError(
            f"{folder}: cannot be made ({error.strerror}). Set `state` to a folder that this user may write"
        ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds a folder for this process; the kernel lets go of it however we end."""
    try:
        descriptor = os.open(folder / "daemon.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.posix_fallocate(descriptor, 0, PID_BYTES)
    except OSError as error:
        fix = "Free some space, or name another folder"
        raise DeconvIDError(f"{folder}: cannot be written ({error.strerror}). {fix}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, PID_BYTES, 0).strip(b"\0").decode(errors="replace") or "unknown"
            raise AlreadyRunningError(
                f"{folder}: another daemon (pid {holder}) works in this folder. Stop it, or name another folder"
            ) from error
        os.pwrite(descriptor, str(os.getpid()).encode().ljust(PID_BYTES, b"\0"), 0)
        yield
    finally:
        os.close(descriptor)
