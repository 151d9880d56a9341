"""A real bus worker with a network, and in this process what the supervisor and the identity worker do."""

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import zmq

from daemon.events.keys import KeyFolder, KeyPair, Role
from daemon.events.schema import CameraChanged, rfc3339
from daemon.events.writer import Draft, EventWriter
from daemon.heartbeat import Heartbeat
from daemon.messages import Notice, decode_observation
from daemon.operations.control import Request
from daemon.store import Store
from daemon.workers.task import BusTask, NetworkTask
from deconvid_client import KeyFile, Subscriber

PATIENCE_S = 20.0
PAGE_BYTES = resource.getpagesize()


class SecuredBus:
    def __init__(self, folder: Path, store: Store, writer: EventWriter, context: zmq.Context, encrypted: bool) -> None:
        self.ipc = {name: f"ipc://{folder}/{name}" for name in ("events", "requests", "stored", "control", "reports")}
        self.observations_endpoint = f"ipc://{folder}/observations"
        self.keys = KeyFolder(folder / "keys")
        self.store, self._writer = store, writer
        self.events, self.requests = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
        self.supervisor = context.socket(zmq.ROUTER)
        self.supervisor.bind(self.ipc["control"])
        self.notices = context.socket(zmq.PULL)
        self.notices.bind(self.observations_endpoint)
        self.heartbeat = Heartbeat.create(folder / "heartbeat")
        self._log = folder / "log"
        task = BusTask(
            database=str(folder / "identities.sqlite"),
            cursor=str(folder / "cursor"),
            **self.ipc,
            observations=self.observations_endpoint,
            network=NetworkTask(
                events=self.events, requests=self.requests, keys=str(folder / "keys") if encrypted else None
            ),
            heartbeat=str(folder / "heartbeat"),
        )
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "daemon.workers.bus"], stdin=subprocess.PIPE, stderr=log
            )
        assert self.process.stdin
        self.process.stdin.write(msgspec.json.encode(task) + b"\n")
        self.process.stdin.flush()
        self.wait_until(lambda: "network_open" in self.log)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def add(self, name: str, role: Role = "subscriber") -> KeyFile:
        """Lets a client in; returns when the worker knows it."""
        key, readings = self.stranger(name, role), self.log.count("client_keys_read")
        self.keys.add(name, key.public_key, role)
        self.wait_until(lambda: self.log.count("client_keys_read") > readings)
        return key

    def stranger(self, name: str = "mallory", role: Role = "operator") -> KeyFile:
        """Returns the file of a client that is not let in, but knows the server's key."""
        pair = KeyPair.generate()
        return KeyFile(
            name, role, self.events, self.requests, self.keys.server().public_key, pair.public_key, pair.secret_key
        )

    def say(self, n: int = 1) -> None:
        event = CameraChanged(camera="door", captured_at=rfc3339(time.time_ns()), state="streaming", detail="")
        self._writer.write([Draft(event)] * n)

    def answer_command(self, wait_s: float = PATIENCE_S) -> Request | None:
        """Takes a command as the supervisor does; None if none came."""
        if not self.supervisor.poll(int(wait_s * 1000)):
            return None
        peer, number, body = self.supervisor.recv_multipart()
        self.supervisor.send_multipart([peer, number, b'{"ok":true,"message":"done"}'])
        return msgspec.json.decode(body, type=Request)

    def next_notice(self, wait_s: float = PATIENCE_S) -> Notice | None:
        if not self.notices.poll(int(wait_s * 1000)):
            return None
        notice = decode_observation(self.notices.recv())
        assert isinstance(notice, Notice)
        return notice

    def resident_bytes(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE_BYTES

    def is_well(self) -> bool:
        return self.process.poll() is None and self.heartbeat.age_s() < 5

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.communicate(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            self.supervisor.close(0)
            self.notices.close(0)
            self.heartbeat.close()


@contextmanager
def secured_bus(folder: Path, store: Store, encrypted: bool = True) -> Iterator[SecuredBus]:
    with zmq.Context() as context, EventWriter(store, f"ipc://{folder}/stored", context) as writer:
        bus = SecuredBus(folder, store, writer, context, encrypted)
        try:
            yield bus
        finally:
            bus.close()


def hears(bus: SecuredBus, subscriber: Subscriber, within_s: float = PATIENCE_S) -> bool:
    """Whether a subscriber gets an event that is said now and again."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        bus.say()
        if subscriber.receive(0.1):
            return True
    return False


def free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
