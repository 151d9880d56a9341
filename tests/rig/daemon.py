"""The whole daemon as real processes, and people who walk before its cameras."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import pytest

from config import Settings, load_settings
from daemon.demo.cast import ASTRONAUT, GROUP, cut_out
from daemon.demo.scene import Scene, write_clip
from daemon.enrolment import enrol
from daemon.events import AnyEvent, decode_event
from daemon.frames import FRAMES_FOLDER, instance_id
from daemon.store import Store
from deconvid_client import Subscriber
from engine import FaceEngine

PATIENCE_S = 40.0
RUNTIME = 'embedding.runtime = "openvino"'
"""Each daemon has a new state folder, in which it would compare the runtimes again."""


@dataclass(slots=True)
class Daemon:
    """`deconvid run` on a folder of its own."""

    folder: Path
    config: Path
    process: subprocess.Popen[bytes]

    @property
    def settings(self) -> Settings:
        return load_settings(self.config)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def rings(self) -> list[Path]:
        return list(FRAMES_FOLDER.glob(f"deconvid-{instance_id(self.settings.state)}-*"))

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        return self.process.wait(timeout_s)

    def wait_for(self, text: str, times: int = 1) -> None:
        """Waits until the log contains a text so many times."""
        deadline = time.monotonic() + PATIENCE_S
        while self.log.count(text) < times:
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.log}"
            time.sleep(0.05)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def pid_of(self, worker: str) -> int:
        """Process id of the newest worker of that name, from the log."""
        return int(re.findall(rf"worker_started worker={worker} pid=(\d+)", self.log)[-1])

    def events(self) -> list[AnyEvent]:
        """Every event that was ever stored."""
        with Store.to_read(self.settings) as store:
            return [decode_event(event.payload.encode()) for event in store.events.since(0)]


@pytest.fixture(scope="session")
def face_engine() -> FaceEngine:
    return FaceEngine.load(Settings())


@pytest.fixture(scope="session")
def corridor(face_engine) -> Scene:
    """An enrolled person on the left, a stranger on the right."""
    [astronaut] = cut_out(ASTRONAUT, face_engine.detector)
    stranger = cut_out(GROUP, face_engine.detector)[0]
    return Scene("corridor", (astronaut, stranger), width=640, height=360, fps=10)


@pytest.fixture(scope="session")
def corridor_clip(corridor, tmp_path_factory) -> Path:
    """One walk up to the camera and away again."""
    path = tmp_path_factory.mktemp("corridor") / "corridor.mp4"
    write_clip(corridor, 12, path)
    return path


@pytest.fixture
def start_daemon(tmp_path, face_engine, astronaut_photo) -> Iterator[Callable[..., Daemon]]:
    """`start_daemon({"door": address}, "--fast", enrolled=True)` starts the daemon; it is stopped at the end.

    `more` is added to its configuration, `head` before its first section.
    """
    started: list[Daemon] = []

    def start(
        cameras: dict[str, str | Path], *options: str, enrolled: bool = True, more: str = "", head: str = ""
    ) -> Daemon:
        state, config = tmp_path / "state", tmp_path / "config.toml"
        sections = "\n".join(f'[cameras.{name}]\nurl = "{url}"\nread_timeout_s = 2\n' for name, url in cameras.items())
        config.write_text(f'state = "{state}"\nweb.listen = ""\n{RUNTIME}\n{head}\n{sections}\n{more}')
        state.mkdir(mode=0o700, exist_ok=True)
        with Store.of(load_settings(config), "test") as store:
            if enrolled and not store.people.all():
                enrol(store, face_engine, "Eileen Collins", [astronaut_photo])
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "daemon.cli", "run", "--config", config, *options], stdout=log, stderr=log
            )
        started.append(Daemon(tmp_path, config, process))
        return started[-1]

    yield start
    for daemon in started:
        if daemon.process.poll() is None:
            daemon.stop()
        assert daemon.rings == []


@pytest.fixture
def astronaut_photo(tmp_path, astronaut) -> Path:
    path = tmp_path / "astronaut.png"
    cv2.imwrite(str(path), astronaut)
    return path


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text()


def collect(subscriber: Subscriber, until: Callable[[AnyEvent], bool]) -> list[AnyEvent]:
    """Receives events up to the first one that is asked for."""
    deadline, events = time.monotonic() + PATIENCE_S, []
    while time.monotonic() < deadline:
        received = subscriber.receive(timeout_s=0.5)
        if received:
            event = msgspec.convert(received.data, AnyEvent)
            events.append(event)
            if until(event):
                return events
    raise AssertionError(f"the awaited event did not come; {len(events)} others did: {[e.kind for e in events]}")
