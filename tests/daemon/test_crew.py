import errno
import os
import signal
import subprocess
import time
from dataclasses import replace

import msgspec
import pytest

from daemon.crashes import Crashes
from daemon.crew import MOST_STARTING, ROUNDS_ABOVE_LIMIT, Crew
from daemon.worker_process import WorkerPlan
from daemon.workers.task import VisionTask

TOY = """
import json, sys, time
from daemon.heartbeat import Heartbeat
task = json.loads(sys.stdin.readline())
time.sleep(task.get("sleep_s", 0))
Heartbeat.open(task["heartbeat"]).beat()
if task.get("exits") is not None:
    sys.exit(task["exits"])
sys.stdin.read()
"""


class ToyTask(msgspec.Struct, frozen=True):
    heartbeat: str
    value: int = 0
    exits: int | None = None
    sleep_s: float = 0


@pytest.fixture
def plan(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(role: str, name: str, **changes) -> WorkerPlan:
        heartbeat = tmp_path / f"{name}.heartbeat"
        return WorkerPlan(role, name, "toy", ToyTask(str(heartbeat), **changes), heartbeat, 30)

    return make


@pytest.fixture
def make_crew(tmp_path):
    crews: list[Crew] = []

    def make(*plans: WorkerPlan, tell=lambda worker, what: None) -> Crew:
        crews.append(Crew(plans, Crashes(tmp_path / "crashes"), tell))
        crews[-1].is_ready = True
        return crews[-1]

    yield make
    for crew in crews:
        crew.stop_all()


def look_until(crew: Crew, condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, [(worker.plan.name, worker.state) for worker in crew]
        crew.look_after()
        time.sleep(0.02)


def all_run(crew: Crew):
    return lambda: all(worker.state == "running" for worker in crew)


def pids(crew: Crew) -> dict[str, int | None]:
    return {worker.plan.name: worker.pid for worker in crew}


def test_only_workers_with_another_task_are_started_anew(make_crew, plan):
    crew = make_crew(plan("identity", "identity"), plan("camera", "camera-door"), plan("camera", "camera-yard"))
    look_until(crew, all_run(crew))
    before = pids(crew)
    changed = [plan("identity", "identity"), plan("camera", "camera-yard", value=1), plan("camera", "camera-hall")]
    assert sorted(crew.change(changed)) == ["camera-door", "camera-hall", "camera-yard"]
    look_until(crew, all_run(crew))
    after = pids(crew)
    assert list(after) == ["identity", "camera-yard", "camera-hall"]
    assert after["identity"] == before["identity"]
    assert after["camera-yard"] != before["camera-yard"]
    assert not any(worker.restarts for worker in crew)
    assert not plan("camera", "camera-door").heartbeat.exists()


def test_the_vision_worker_goes_on_when_cameras_come(make_crew, tmp_path):
    heartbeat = tmp_path / "vision.heartbeat"

    def vision(settings: str, *cameras: str) -> WorkerPlan:
        task = VisionTask(
            settings=settings,
            rings=dict.fromkeys(cameras, ""),
            heartbeat=str(heartbeat),
            frames="",
            observations="",
            reports="",
            closer="ipc:///nowhere",
        )
        return WorkerPlan("vision", "vision", "toy", task, heartbeat, 30)

    crew = make_crew(vision("{}", "door"))
    assert crew.change([vision("{}", "door", "yard")]) == []
    [worker] = crew
    assert worker.plan == vision("{}", "door", "yard")
    assert crew.change([vision('{"detection": 1}', "door", "yard")]) == ["vision"]


def test_no_camera_starts_before_those_who_look_at_it(make_crew, plan):
    crew = make_crew(plan("vision", "vision"), plan("camera", "camera-door"))
    crew.is_ready = False
    look_until(crew, lambda: crew.get("vision").state == "running")
    assert crew.get("camera-door").pid is None
    crew.is_ready = True
    look_until(crew, all_run(crew))


def test_fifty_cameras_do_not_start_at_once(make_crew, plan):
    crew = make_crew(*(plan("camera", f"camera-{i}", sleep_s=30) for i in range(50)))
    for _ in range(5):
        crew.look_after()
    assert sum(worker.pid is not None for worker in crew) == MOST_STARTING


def test_a_killed_worker_is_told_and_comes_back(make_crew, plan):
    told = []
    crew = make_crew(plan("vision", "vision"), tell=lambda worker, what: told.append((worker, what)))
    look_until(crew, all_run(crew))
    [worker] = crew
    os.kill(worker.pid, signal.SIGKILL)
    look_until(crew, lambda: worker.restarts == 1 and worker.state == "running")
    assert told == [("vision", "died of SIGKILL; starts again in 0 s")]


def test_a_worker_that_dies_of_a_signal_without_a_name_is_told_too(make_crew, plan):
    told = []
    crew = make_crew(plan("vision", "vision"), tell=lambda worker, what: told.append(what))
    look_until(crew, all_run(crew))
    [worker] = crew
    os.kill(worker.pid, signal.SIGRTMIN + 6)
    look_until(crew, lambda: worker.restarts == 1 and worker.state == "running")
    assert told == ["died of SIGRTMIN+6; starts again in 0 s"]


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE])
def test_a_machine_without_room_for_a_worker_is_asked_again_and_ends_nothing(make_crew, plan, monkeypatch, code):
    def refuse(*_arguments, **_options):
        raise OSError(code, os.strerror(code))

    told = []
    crew = make_crew(plan("camera", "camera-door"), tell=lambda worker, what: told.append(what))
    [worker] = crew
    with monkeypatch.context() as full:
        full.setattr(subprocess, "Popen", refuse)
        crew.look_after()
        crew.look_after()
    assert told == ["ended with 1; starts again in 0 s", "ended with 1; starts again in 1 s"]
    assert worker.state == "restarting"
    assert not crew.sources_have_ended
    look_until(crew, all_run(crew))


def test_a_paused_camera_rests_until_it_is_resumed(make_crew, plan):
    crew = make_crew(plan("camera", "camera-door"))
    look_until(crew, all_run(crew))
    crew.pause("door")
    crew.look_after()
    crew.change([plan("camera", "camera-door", value=2)])
    crew.look_after()
    assert crew.get("camera-door").pid is None
    assert not crew.sources_have_ended
    assert crew.resume("door")
    look_until(crew, all_run(crew))
    assert not crew.resume("door")


@pytest.mark.parametrize(("exits", "failed"), [(0, 0), (3, 1)])
def test_all_is_over_when_every_file_has_ended(make_crew, plan, exits, failed):
    files = plan("camera", "camera-a", exits=0), plan("camera", "camera-b", exits=exits)
    crew = make_crew(*(replace(file, is_file=True) for file in files))
    assert not crew.sources_have_ended
    look_until(crew, lambda: crew.sources_have_ended)
    assert crew.failed_cameras == failed


@pytest.mark.parametrize("exits", [0, 3])
def test_a_live_cameras_worker_that_somebody_else_ends_is_started_again(make_crew, plan, exits):
    told: list[str] = []
    crew = make_crew(plan("camera", "camera-door", exits=exits), tell=lambda worker, what: told.append(what))
    look_until(crew, lambda: told)
    assert told[0].startswith(f"ended with {exits}; starts again")
    assert not crew.sources_have_ended


def test_a_camera_that_waits_is_tried_at_once(make_crew, plan):
    crew = make_crew(plan("camera", "camera-door"))
    look_until(crew, all_run(crew))
    before = pids(crew)
    crew.try_at_once("door")
    look_until(crew, all_run(crew))
    assert pids(crew) != before
    assert crew.get("camera-door").restarts == 0


def test_a_daemon_whose_essential_worker_cannot_boot_ends_and_one_without_its_web_page_goes_on(make_crew, plan):
    crew = make_crew(plan("identity", "identity", exits=4))
    look_until(crew, lambda: crew.cannot_boot)
    crew = make_crew(replace(plan("web", "web", exits=4), essential=False))
    look_until(crew, lambda: crew.get("web").has_given_up)
    crew.look_after()
    assert not crew.cannot_boot
    assert crew.get("web").state == "failed"


def test_a_worker_that_keeps_too_much_memory_is_started_anew_and_a_peak_is_forgiven(make_crew, plan):
    told = []
    crew = make_crew(plan("vision", "vision"), tell=lambda worker, what: told.append(what))
    look_until(crew, all_run(crew))
    [worker] = crew
    first = worker.pid
    for memory in [300, 300, 300, 300, 100] + [300] * (ROUNDS_ABOVE_LIMIT - 1):
        crew.note_memory(worker, memory * 1_000_000, 256_000_000)
    assert worker.pid == first
    crew.note_memory(worker, 300_000_000, 256_000_000)
    look_until(crew, all_run(crew))
    assert worker.pid != first
    assert told == ["held 300 MB, more than limits.memory_megabytes; starts again"]
