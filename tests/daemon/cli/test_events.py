import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from daemon.events import CameraChanged, EventPublisher, Identified, Person
from daemon.events.schema import rfc3339
from daemon.store import Store
from tests.daemon.factories import make_template, unit

Tail = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def tail(tmp_path: Path) -> Iterator[Tail]:
    config = tmp_path / "config.toml"
    config.write_text(f'state = "{tmp_path}"\nruntime = "{tmp_path}"\n')
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "daemon.cli", "events", "tail", "--config", str(config), *options]
        process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        started.append(process)
        assert process.stderr
        assert "waiting for events" in process.stderr.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def publish(store: Store, tmp_path: Path) -> Iterator[Callable[[], None]]:
    publisher = EventPublisher(store, f"ipc://{tmp_path}/events", zmq.Context.instance())
    ann = store.people.enrol("Ann [Zebra]", make_template(unit(1)))

    def some() -> None:
        at = rfc3339(time.time_ns())
        publisher.publish(CameraChanged(camera="yard", captured_at=at, state="streaming", detail=""))
        person = Person(ann.id, ann.name)
        event = Identified(camera="door", track="t1", captured_at=at, person=person, score=0.8)
        publisher.publish(event, time.monotonic_ns())

    yield some
    publisher.close()


def first_line(process: "subprocess.Popen[str]", publish: Callable[[], None]) -> str:
    """Publishes until something arrives: what was said before the subscription stood is lost."""
    assert process.stdout
    os.set_blocking(process.stdout.fileno(), False)
    for _ in range(100):
        publish()
        time.sleep(0.1)
        if line := process.stdout.readline():
            return line
    pytest.fail("nothing arrives")


def test_machines_get_json_lines_of_the_camera_they_asked_for(tail: Tail, publish: Callable[[], None]) -> None:
    event = json.loads(first_line(tail("--json", "--camera", "door"), publish))
    assert (event["kind"], event["camera"], event["person"]["name"]) == ("identified", "door", "Ann [Zebra]")


def test_people_get_lines_of_the_kind_they_asked_for(tail: Tail, publish: Callable[[], None]) -> None:
    line = first_line(tail("--kind", "identified"), publish)
    assert "door         identified Ann [Zebra]" in line
    assert "0.80" in line


def test_interrupt_ends_it_in_silence(tail: Tail) -> None:
    process = tail()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 130


def test_unknown_kind_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "daemon.cli", "events", "tail", "--kind", "smile"]
    result = subprocess.run(command, text=True, capture_output=True, check=False)
    assert result.returncode == 2
    assert "identified, unknown" in result.stderr
