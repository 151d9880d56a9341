"""The worker as the supervisor runs it: killed in the middle, again and again."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rig.processes import worker_processes

from config import Settings
from daemon.bridges.making import position_file
from daemon.bridges.task import BridgeTask
from daemon.exits import EXIT_ENDED
from daemon.heartbeat import Heartbeat
from daemon.store import Store
from tests.daemon.bridges.test_webhook import Receiver
from tests.daemon.factories import make_event

EVENTS = 200
PATIENCE_S = 30.0

Start = Callable[[dict], subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start(settings of a bridge)` runs its worker on the store in `tmp_path`, and returns once it works."""
    heartbeat = tmp_path / "heartbeat"
    with worker_processes("daemon.workers.bridge", heartbeat) as start, closing(Heartbeat.open(heartbeat)) as pulse:

        def start_bridge(bridge: dict) -> subprocess.Popen[bytes]:
            settings = Settings.model_validate({"state": tmp_path, "bridges": {"x": {"backlog": "deliver", **bridge}}})
            ipc = f"ipc://{tmp_path}"
            task = BridgeTask.of(
                settings, "x", stored=f"{ipc}/stored", reports=f"{ipc}/reports", heartbeat=str(heartbeat)
            )
            beaten_ns, deadline_s = pulse.beaten_ns, time.monotonic() + PATIENCE_S
            worker = start(task)
            while pulse.beaten_ns == beaten_ns:
                assert time.monotonic() < deadline_s
                time.sleep(0.001)
            return worker

        yield start_bridge


def fill(store: Store) -> None:
    def render(sequence: int) -> str:
        event = {"sequence": sequence, "kind": "daemon.worker", "captured_at": "2026-03-02T12:00:00Z"}
        return json.dumps(event)

    store.events.append_many([(make_event(kind="daemon.worker", track=None), render)] * EVENTS)


def kill_until(start: Start, bridge: dict, delivered: Callable[[], int]) -> int:
    """Kills the worker each time when it has delivered some more; returns how often."""
    kills, deadline_s = 0, time.monotonic() + PATIENCE_S
    while True:
        worker, before = start(bridge), delivered()
        while delivered() < min(EVENTS, before + EVENTS // 3):
            assert time.monotonic() < deadline_s
            time.sleep(0.001)
        if delivered() >= EVENTS:
            worker.terminate()
            assert worker.wait(10) == EXIT_ENDED
            return kills
        worker.kill()
        worker.wait()
        kills += 1


def test_webhook_gets_every_event_in_order_and_knows_repeats_by_their_id(start: Start, store: Store) -> None:
    fill(store)
    with Receiver() as receiver:
        bridge = {"kind": "webhook", "url": receiver.url}
        kills = kill_until(
            start, bridge, lambda: len({headers["Idempotency-Key"] for _, headers, _ in receiver.requests})
        )
        receiver.shutdown()
    got = [int(headers["Idempotency-Key"].rpartition("-")[2]) for _, headers, _ in receiver.requests]
    assert list(dict.fromkeys(got)) == list(range(1, EVENTS + 1))
    assert len(got) - EVENTS <= kills
    assert kills


def test_file_has_every_event_once_and_in_order(start: Start, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for _ in range(2):
        fill(store)
        worker = start({"kind": "jsonl", "path": str(path)})
        lines = path.stat().st_size if path.exists() else 0
        deadline_s = time.monotonic() + PATIENCE_S
        while not path.exists() or path.stat().st_size == lines:
            assert time.monotonic() < deadline_s
        worker.kill()  # as soon as anything was written: its position is most likely not noted yet
        worker.wait()
    start({"kind": "jsonl", "path": str(path)})
    while (position := position_file(tmp_path, "x").load()) is None or position.sequence < 2 * EVENTS:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    written = [json.loads(line)["event"]["sequence"] for line in path.read_bytes().splitlines()]
    assert written == list(range(1, 2 * EVENTS + 1))


def test_task_shows_no_secret(tmp_path: Path) -> None:
    bridge = {"kind": "webhook", "url": "https://host/token-hunter2", "secret": "hunter2-hunter2-hunter2"}
    settings = Settings.model_validate({"state": tmp_path, "bridges": {"x": bridge}})
    task = BridgeTask.of(settings, "x", stored="", reports="", heartbeat="")
    assert task.bridge_settings() == settings.bridges["x"]
    assert "hunter2" not in repr(task) + settings.model_dump_json() + repr(settings)
