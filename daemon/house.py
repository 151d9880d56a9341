"""What a running daemon owns: its state folder and the lock on it, the sockets' folder, the frame rings, the plans."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from config import ConfigError, DeconvIDError, Problem, Settings
from daemon.errors import AlreadyRunningError
from daemon.frames import FRAMES_FOLDER, FrameRing, instance_id, remove_rings
from daemon.store import Store
from daemon.worker_process import WorkerPlan
from daemon.workers.task import CameraTask, IdentityTask, VisionTask
from engine.manifests import find_model

logger = logging.getLogger(__name__)

LONGEST_SOCKET_PATH = 107
"""Bytes that a Unix socket's address holds (unix(7): sun_path less its final zero)."""

PID_BYTES = 16
"""Room for a process id in the lock file, taken at once: a full disk is then told before anything runs."""

VISION_HUNG_S = 60.0
"""Loading models on a busy machine takes long; a round of frames does not."""
IDENTITY_HUNG_S = 30.0


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
            # Migrates the store before any worker opens it.
            Store.open(settings.database).close()
            rings = {}
            for name, camera in settings.cameras.items():
                ring = FrameRing.create(FRAMES_FOLDER, instance, name, camera.max_width_px, camera.max_height_px)
                undo.callback(ring.unlink)
                undo.callback(ring.close)
                rings[name] = ring
            yield cls(settings, rings)

    def plans(self, fast: bool) -> list[WorkerPlan]:
        """Returns how to run each worker: receivers first, so that nothing is sent to nobody."""
        return [self._identity_plan(), self._vision_plan(), *(self._camera_plan(name, fast) for name in self._rings)]

    def log_accounts(self) -> None:
        """Says what became of every frame."""
        for name, ring in self._rings.items():
            counts = ring.counts()
            dropped = " ".join(f"dropped_{reason}={n}" for reason, n in sorted(counts.dropped.items()) if n)
            logger.info(
                "frames camera=%s captured=%d analysed=%d in_flight=%d %s",
                *(name, counts.captured, counts.analysed, counts.in_flight, dropped),
            )

    def _endpoint(self, name: str) -> str:
        return f"ipc://{self._settings.runtime_folder}/{name}"

    def _heartbeat(self, name: str) -> Path:
        return self._settings.runtime_folder / f"{name}.heartbeat"

    def _identity_plan(self) -> WorkerPlan:
        settings, identity = self._settings, self._settings.identity
        spec = find_model(settings.embedding.model, settings.models)
        threshold = spec.threshold if identity.threshold is None else identity.threshold
        if threshold is None:
            raise ConfigError([Problem("embedding.model", f"{spec.name} is no embedder", "Name an embedder")])
        heartbeat = self._heartbeat("identity")
        task = IdentityTask(
            database=str(settings.database),
            model=spec.sha256,
            threshold=threshold,
            margin=identity.margin,
            hysteresis=identity.hysteresis,
            least_observations=identity.least_observations,
            observations_endpoint=self._endpoint("observations"),
            events_endpoint=settings.events_endpoint,
            keep_days=settings.events.keep_days,
            heartbeat=str(heartbeat),
        )
        return WorkerPlan("identity", "identity", "daemon.workers.identity", task, heartbeat, IDENTITY_HUNG_S)

    def _vision_plan(self) -> WorkerPlan:
        heartbeat = self._heartbeat("vision")
        task = VisionTask(
            settings=self._settings.model_dump_json(exclude={"cameras"}),
            rings={name: str(ring.path) for name, ring in self._rings.items()},
            frames=self._endpoint("frames"),
            observations=self._endpoint("observations"),
            heartbeat=str(heartbeat),
        )
        return WorkerPlan("vision", "vision", "daemon.workers.vision", task, heartbeat, VISION_HUNG_S)

    def _camera_plan(self, name: str, fast: bool) -> WorkerPlan:
        camera = self._settings.cameras[name]
        heartbeat = self._heartbeat(f"camera-{name}")
        task = CameraTask.of(
            name,
            camera,
            ring=self._rings[name].path,
            frames=self._endpoint("frames"),
            observations=self._endpoint("observations"),
            heartbeat=heartbeat,
            fast=fast,
        )
        # libav may hold a reader for twice its time-out before it lets go (reference: a stalled TCP stream).
        hung_after_s = camera.open_timeout_s + 2 * camera.read_timeout_s + 5
        return WorkerPlan("camera", f"camera-{name}", "daemon.workers.camera", task, heartbeat, hung_after_s)


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
