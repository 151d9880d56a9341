import signal
import time
from pathlib import Path

import msgspec
import pytest

from daemon.crashes import Crashes
from daemon.worker_process import (
    CRASH_LOOP_DELAY_S,
    MOST_SHORT_LIVES,
    WorkerPlan,
    WorkerProcess,
    restart_delay_s,
    signal_name,
    worker_environment,
)

WORKER = """
import json, signal, sys, time
from pathlib import Path
from daemon.crashes import trace_crashes
from daemon.heartbeat import Heartbeat
task = json.loads(sys.stdin.readline())
heart = Heartbeat.open(Path(task["heartbeat"]))
heart.beat()
Path(task["out"]).write_text(" ".join(sys.argv) + task["secret"])
{then}
"""


class ToyTask(msgspec.Struct):
    heartbeat: str
    out: str
    secret: str = "hunter2"


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts a worker that says it is up and then does what `then` says."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    started: list[WorkerProcess] = []

    def start(then: str, hung_after_s: float = 30) -> WorkerProcess:
        (tmp_path / "toy.py").write_text(WORKER.replace("{then}", then))
        task = ToyTask(str(tmp_path / "toy.heartbeat"), str(tmp_path / "out"))
        plan = WorkerPlan("vision", "toy", "toy", task, tmp_path / "toy.heartbeat", hung_after_s)
        worker = WorkerProcess(plan, Crashes(tmp_path / "crashes"))
        worker.start()
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.terminate()
        worker.wait_or_kill(0)


def wait_until(condition, timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def test_a_worker_is_up_when_it_has_beaten_itself(start):
    worker = start("sys.stdin.read()")
    assert not worker.has_beaten()
    wait_until(worker.has_beaten)
    assert worker.is_running()


def test_a_secret_of_the_task_is_not_in_the_arguments(start, tmp_path):
    worker = start("sys.stdin.read()")
    wait_until(worker.has_beaten)
    wait_until((tmp_path / "out").exists)
    assert (tmp_path / "out").read_text().endswith("hunter2")
    command = Path(f"/proc/{worker._process.pid}/cmdline").read_bytes()
    assert b"hunter2" not in command


def test_a_password_in_the_environment_is_not_passed_on():
    secrets = dict.fromkeys(("DOOR_PASSWORD", "USER_PASSWORD", "HOMEASSISTANT_TOKEN", "PATH_SECRET"), "hunter2")
    environment = {"PATH": "/bin", "LC_ALL": "C"}
    assert worker_environment({**environment, **secrets}) == environment


def test_modules_are_not_taken_from_the_folder_in_which_the_daemon_is_started(start, tmp_path, monkeypatch):
    folder = tmp_path / "somewhere"
    folder.mkdir()
    (folder / "daemon.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(folder)
    wait_until(start("sys.stdin.read()").has_beaten)


def test_a_start_does_not_wait_until_a_large_task_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "deaf.py").write_text("import time\ntime.sleep(600)")
    task = ToyTask("", "", "x" * 300_000)
    worker = WorkerProcess(
        WorkerPlan("vision", "deaf", "deaf", task, tmp_path / "heartbeat", 30), Crashes(tmp_path / "crashes")
    )
    worker.start()
    assert worker.is_running()
    worker.wait_or_kill(0)


def test_the_exit_code_is_kept(start):
    worker = start("sys.exit(3)")
    wait_until(lambda: not worker.is_running())
    assert worker.exit_code == 3


def test_a_worker_that_hangs_says_where_and_is_ended(start, tmp_path):
    worker = start("def stuck():\n    time.sleep(60)\ntrace_crashes()\nstuck()", hung_after_s=1)
    wait_until(worker.has_beaten)
    wait_until(lambda: worker.end_if_hung() or not worker.is_running())
    assert worker.exit_code == -signal.SIGABRT
    [trace] = (tmp_path / "crashes").glob("toy-*.trace")
    assert "in stuck" in trace.read_text()
    assert "hunter2" not in trace.read_text()


def test_a_hung_worker_that_cannot_even_abort_is_killed(start):
    worker = start("signal.signal(signal.SIGABRT, signal.SIG_IGN); time.sleep(60)", hung_after_s=0.5)
    wait_until(worker.has_beaten)
    wait_until(lambda: worker.end_if_hung() or not worker.is_running())
    assert worker.exit_code == -signal.SIGKILL


def test_a_worker_that_ends_well_leaves_no_trace(start, tmp_path):
    worker = start("trace_crashes(); sys.exit(0)")
    wait_until(lambda: not worker.is_running())
    assert list((tmp_path / "crashes").iterdir()) == []


def test_a_worker_that_dies_again_and_again_is_told_and_tried_seldom(start):
    worker = start("sys.exit(1)")
    wait_until(lambda: not worker.is_running())
    delays = []
    for _ in range(MOST_SHORT_LIVES):
        assert not worker.is_crash_looping
        delays.append(worker.schedule_restart())
    assert worker.is_crash_looping
    assert delays == [0, 1, 2, 4, 8, 16, 30, CRASH_LOOP_DELAY_S]
    assert not worker.is_due
    worker.renew()
    assert worker.is_due
    assert not worker.is_crash_looping


def test_a_worker_that_ignores_sigterm_is_killed(start):
    worker = start("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); heart.beat(); time.sleep(60)")
    wait_until(worker.has_beaten)
    worker.terminate()
    started = time.monotonic()
    worker.wait_or_kill(0.3)
    assert time.monotonic() - started < 5
    assert not worker.is_running()


def test_a_worker_starts_again_after_its_delay(start):
    worker = start("sys.exit(1)")
    wait_until(lambda: not worker.is_running())
    worker.schedule_restart()
    assert worker.exit_code is None
    assert worker.is_due
    worker.start()
    assert worker.is_running() or worker.exit_code == 1
    assert worker.restarts == 1


def test_every_signal_has_a_name():
    numbers = (signal.SIGKILL, signal.SIGRTMIN, signal.SIGRTMIN + 6, signal.SIGRTMIN - 1)
    assert [signal_name(number) for number in numbers] == ["SIGKILL", "SIGRTMIN", "SIGRTMIN+6", "SIGRTMIN-1"]


def test_delays_grow_and_are_bounded():
    delays = [restart_delay_s(n) for n in range(20)]
    assert delays[:5] == [0, 0, 1, 2, 4]
    assert delays == sorted(delays)
    assert delays[-1] == CRASH_LOOP_DELAY_S
