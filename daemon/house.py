"""What a running daemon owns: its state folder and the lock on it, the sockets' folder, the frame rings."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from config import CameraSettings, DeconvIDError, Settings
from daemon.errors import AlreadyRunningError
from daemon.frames import FRAMES_FOLDER, FrameRing, instance_id, remove_rings, ring_path
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

    def __init__(self, settings: Settings, fast: bool) -> None:
        self.settings = settings
        self.rings: dict[str, FrameRing] = {}
        """Of every camera that is enabled."""
        self._fast = fast
        self._instance = instance_id(settings.state)

    @classmethod
    @contextmanager
    def open(cls, settings: Settings, fast: bool = False) -> Iterator["House"]:
        """Locks the state folder, checks the store and makes the rings.

        Args:
            settings: what to run.
            fast: read video files as fast as they can be analysed.

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
            house = cls(settings, fast)
            remove_rings(house._instance, FRAMES_FOLDER)  # a daemon that was killed could not
            for heartbeat in settings.runtime_folder.glob("*.heartbeat"):
                heartbeat.unlink(missing_ok=True)
            # Migrates the store, and tells of damage or a key that is not there, before any worker opens it.
            with Store.of(settings, "daemon") as store:
                store.check()
            undo.callback(house._remove_all)
            with house.prepared(settings) as made:
                house.adopt(settings, made)
            yield house

    def plans(self, settings: Settings | None = None) -> list[WorkerPlan]:
        """Returns how to run each worker, in the order in which they start.

        Args:
            settings: others than those that hold; nothing changes by asking.
        """
        settings = settings or self.settings
        rings = {name: ring_path(FRAMES_FOLDER, self._instance, name) for name in _enabled(settings)}
        return make_plans(Place(settings, rings, self._fast))

    @contextmanager
    def prepared(self, settings: Settings) -> Iterator[dict[str, FrameRing]]:
        """Lends the rings that other settings need, by camera, for `adopt`; an error in the block takes them back.

        Raises:
            FrameRingError: there is no memory for one; nothing has changed then.
        """
        with ExitStack() as undo:
            made: dict[str, FrameRing] = {}
            for name, camera in _enabled(settings).items():
                size = camera.max_width_px, camera.max_height_px
                if name not in self.rings or (self.rings[name].max_width, self.rings[name].max_height) != size:
                    made[name] = FrameRing.prepare(FRAMES_FOLDER, self._instance, name, *size)
                    undo.callback(made[name].abandon)
            yield made
            undo.pop_all()

    def adopt(self, settings: Settings, made: dict[str, FrameRing]) -> None:
        """Goes over to other settings.

        Rings that are needed no more stay until `discard`: their cameras' workers still run.
        """
        for name, ring in made.items():
            if name in self.rings:
                self._close(name)
            ring.put_in_place()
            self.rings[name] = ring
        self.settings = settings

    def lost_ring(self) -> Path | None:
        """Returns the file of a ring that somebody removed: workers hold it open, but none that starts finds it."""
        return next((ring.path for ring in self.rings.values() if not ring.path.exists()), None)

    def discard(self) -> list[str]:
        """Removes the rings of cameras that the settings no longer have; returns their names."""
        gone = [name for name in self.rings if name not in _enabled(self.settings)]
        for name in gone:
            self.rings[name].unlink()
            self._close(name)
        return gone

    def _close(self, name: str) -> None:
        """Closes a ring, and says what became of every frame."""
        ring = self.rings.pop(name)
        counts = ring.counts()
        dropped = " ".join(f"dropped_{reason}={n}" for reason, n in sorted(counts.dropped.items()) if n)
        logger.info(
            "frames camera=%s captured=%d analysed=%d in_flight=%d %s",
            *(name, counts.captured, counts.analysed, counts.in_flight, dropped),
        )
        ring.close()

    def _remove_all(self) -> None:
        for name, ring in list(self.rings.items()):
            ring.unlink()
            self._close(name)


def _enabled(settings: Settings) -> dict[str, CameraSettings]:
    return {name: camera for name, camera in settings.cameras.items() if camera.enabled}


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
