"""What can be done to a daemon: each fault is a context in which it lasts."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress

import zmq

from config.errors import DeconvIDError
from daemon.soak.rig import Rig

GARBAGE_SHARE = "0.3"
JUMP_S = "-3600"
BALLAST = "ballast"
BALLAST_BLOCK = 1 << 16

Inflict = Callable[[Rig, str], AbstractContextManager[None]]


class FaultNotPossibleError(DeconvIDError):
    """This machine or this user cannot do that; the soak goes on without it."""


@contextmanager
def kill_worker(rig: Rig, worker: str) -> Iterator[None]:
    os.kill(_pid(rig, worker), signal.SIGKILL)
    yield


@contextmanager
def freeze_worker(rig: Rig, worker: str) -> Iterator[None]:
    pid = _pid(rig, worker)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # the supervisor may have taken it for hung
            os.kill(pid, signal.SIGCONT)


@contextmanager
def camera_gone(rig: Rig, camera: str) -> Iterator[None]:
    """Its power fails; it comes back at the same address."""
    rig.cameras[camera].kill()
    try:
        yield
    finally:
        rig.cameras[camera].start()


@contextmanager
def camera_stall(rig: Rig, camera: str) -> Iterator[None]:
    """It hangs with its connections open."""
    rig.cameras[camera].freeze()
    try:
        yield
    finally:
        rig.cameras[camera].thaw()


@contextmanager
def camera_silent(rig: Rig, camera: str) -> Iterator[None]:
    """It answers, but sends no video."""
    rig.cameras[camera].tell("pause cam")
    try:
        yield
    finally:
        rig.cameras[camera].tell("resume cam")


@contextmanager
def camera_garbage(rig: Rig, camera: str) -> Iterator[None]:
    rig.cameras[camera].tell(f"corrupt cam {GARBAGE_SHARE}")
    try:
        yield
    finally:
        rig.cameras[camera].tell("corrupt cam 0")


@contextmanager
def camera_clock_jump(rig: Rig, camera: str) -> Iterator[None]:
    rig.cameras[camera].tell(f"jump cam {JUMP_S}")
    yield


@contextmanager
def clock_step(rig: Rig, seconds: str) -> Iterator[None]:
    """The daemon's wall clock is set so far ahead, or back, and then right again. The machine's own stays as it is."""
    if rig.clock is None:
        raise FaultNotPossibleError(
            "the daemon's wall clock cannot be set without a C compiler. Install gcc, libc6-dev"
        )
    rig.clock.set_ahead(float(seconds))
    try:
        yield
    finally:
        rig.clock.set_ahead(0)


@contextmanager
def camera_ends_connection(rig: Rig, camera: str) -> Iterator[None]:
    rig.cameras[camera].tell("kick")
    yield


@contextmanager
def disk_full(rig: Rig, _target: str) -> Iterator[None]:
    if not rig.own_file_system:
        raise FaultNotPossibleError("the state folder has no file system of its own. Run the soak as root")
    ballast = rig.settings.state / BALLAST
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(BALLAST_BLOCK)):
            pass
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def database_locked(rig: Rig, _target: str) -> Iterator[None]:
    """Another program holds the write lock."""
    with closing(sqlite3.connect(rig.settings.database, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


@contextmanager
def slow_subscriber(rig: Rig, _target: str) -> Iterator[None]:
    """Connects, and never reads."""
    socket: zmq.Socket[bytes]
    with zmq.Context.instance().socket(zmq.SUB) as socket:
        socket.set(zmq.RCVHWM, 1)
        socket.set(zmq.LINGER, 0)
        socket.subscribe("")
        socket.connect(rig.settings.events_endpoint)
        yield


@contextmanager
def reload(rig: Rig, _target: str) -> Iterator[None]:
    rig.reloads += 1
    rig.write_config()
    rig.reload()
    yield


@contextmanager
def reload_broken(rig: Rig, _target: str) -> Iterator[None]:
    """The operator makes a mistake, and mends it; the old configuration must go on meanwhile."""
    rig.write_config(broken=True)
    rig.reload()
    try:
        yield
    finally:
        rig.write_config()
        rig.reload()


KINDS: dict[str, Inflict] = {
    each.__name__: each
    for each in (
        *(kill_worker, freeze_worker, camera_gone, camera_stall, camera_silent, camera_garbage, camera_clock_jump),
        *(clock_step, camera_ends_connection, disk_full, database_locked, slow_subscriber, reload, reload_broken),
    )
}


def _pid(rig: Rig, worker: str) -> int:
    pid = rig.pid_of(worker)
    if pid is None:
        raise FaultNotPossibleError(f"no worker {worker} runs")
    return pid
