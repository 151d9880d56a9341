"""A daemon that is told what to do: by commands, by signals, and by a service manager that listens."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rig.daemon import Daemon, is_alive
from typer.testing import CliRunner

from daemon.cli import app
from daemon.operations.metrics import render_metrics
from daemon.operations.status import DaemonStatus, NoStatusError, read_status

pytestmark = pytest.mark.camera
PATIENCE_S = 40.0
DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"


def run(daemon: Daemon, *arguments: str):
    return CliRunner().invoke(app, [*arguments, "--config", str(daemon.config)])


def wait_for_status(daemon: Daemon, condition: Callable[[DaemonStatus], bool]) -> DaemonStatus:
    deadline, status = time.monotonic() + PATIENCE_S, None
    while time.monotonic() < deadline:
        try:
            status = read_status(daemon.folder / "state" / "run")
            if condition(status):
                return status
        except NoStatusError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"waited in vain; {status}")


def all_flow(status: DaemonStatus) -> bool:
    return status.state == "running" and all(c.state == "streaming" and c.looks_per_s > 0 for c in status.cameras)


def serves_the_dashboard(status: DaemonStatus) -> bool:
    """Whether every metric of docs/grafana.json is there, but those of bridges, of which this daemon has none."""
    asked = set(re.findall(r"deconvid_\w+", DASHBOARD.read_text()))
    there = set(re.findall(r"^deconvid_\w+", render_metrics(status, status.written_wall_ns).decode(), re.MULTILINE))
    return not {name for name in asked - there if not name.startswith("deconvid_bridge_")}


def tracks_of(daemon: Daemon, camera: str) -> set[str]:
    return {event.track for event in daemon.events() if getattr(event, "track", None) and event.camera == camera}


def wait_for_tracks(daemon: Daemon, *cameras: str) -> set[str]:
    deadline = time.monotonic() + PATIENCE_S
    while not all(found := [tracks_of(daemon, camera) for camera in cameras]):
        assert time.monotonic() < deadline, f"nobody was followed before each of {cameras}; {found}"
        time.sleep(0.2)
    return set().union(*found)


def edit(daemon: Daemon, pattern: str, replacement: str) -> None:
    daemon.config.write_text(re.sub(pattern, replacement, daemon.config.read_text()))


def test_a_reload_changes_what_differs_and_nothing_else(start_daemon, rtsp_camera, corridor_clip):
    url = rtsp_camera(cam=corridor_clip).url()
    daemon = start_daemon({"door": url})
    before = {worker.name: worker.pid for worker in wait_for_status(daemon, all_flow).workers}
    wait_for_status(daemon, serves_the_dashboard)
    wait_for_tracks(daemon, "door")
    with daemon.config.open("a") as config:
        config.write(f'[cameras.yard]\nurl = "{url}"\nread_timeout_s = 2\n')
    assert run(daemon, "reload", "--dry-run").stdout == "cameras.yard: added\n"
    assert run(daemon, "reload").stdout == "cameras.yard: added\n"
    status = wait_for_status(daemon, lambda status: len(status.cameras) == 2 and all_flow(status))
    after = {worker.name: worker.pid for worker in status.workers}
    assert {name: after[name] for name in before} == before
    for camera in status.cameras:
        assert camera.captured == camera.analysed + camera.in_flight + sum(camera.dropped.values())
    # The vision worker is the one that has followed the faces since the start.
    assert len({track.partition("-")[0] for track in wait_for_tracks(daemon, "door", "yard")}) == 1

    edit(daemon, r"cameras\.door", "cameras.front")
    assert run(daemon, "reload").stdout == "cameras.door: removed\ncameras.front: added\n"
    status = wait_for_status(daemon, lambda status: status.cameras[0].name == "front" and all_flow(status))
    assert {worker.pid for worker in status.workers if worker.name in ("vision", "camera-yard")} == {
        after["vision"],
        after["camera-yard"],
    }
    assert {path.name.rpartition("-")[2] for path in daemon.rings} == {"front", "yard"}
    assert not is_alive(after["camera-door"])

    edit(daemon, "read_timeout_s = 2", "read_timeout_s = 0")
    result = run(daemon, "reload")
    assert result.exit_code == 1
    assert "configuration NOT changed:\ncameras.front.read_timeout_s" in result.stderr
    daemon.process.send_signal(signal.SIGHUP)
    status = wait_for_status(daemon, lambda status: any("the old one runs on" in ill.detail for ill in status.ills))
    assert all(camera.state == "streaming" for camera in status.cameras)
    assert run(daemon, "status").exit_code == 1
    edit(daemon, "read_timeout_s = 0", "read_timeout_s = 2")
    assert run(daemon, "reload").stdout == "nothing differs\n"
    assert daemon.stop() == 0
    kinds = [(event.kind, getattr(event, "actor", "")) for event in daemon.events()]
    assert kinds.count(("daemon.reloaded", f"local:{os.getuid()}")) == 3
    assert ("daemon.control", "signal") in kinds
    assert ("daemon.stopping", "signal") in kinds


def test_a_service_manager_hears_how_it_is_and_a_paused_camera_starves_nobody(
    start_daemon, rtsp_camera, corridor_clip, tmp_path, monkeypatch
):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        daemon = start_daemon({"door": rtsp_camera(cam=corridor_clip).url()})
        heard: list[str] = []

        def hear(what: str) -> str:
            """Waits for a message that begins so; keeps those before it."""
            heard.clear()
            while not (heard and heard[-1].startswith(what)):
                heard.append(manager.recv(4096).decode())
            return heard[-1]

        hear("READY=1")
        assert {message.partition("=")[0] for message in heard[:-1]} <= {"EXTEND_TIMEOUT_USEC"}
        while "1 of 1 cameras streaming" not in hear("STATUS="):
            pass
        worker = daemon.pid_of("camera-door")
        assert run(daemon, "cameras", "pause", "door").exit_code == 0
        status = wait_for_status(daemon, lambda status: status.cameras[0].state == "paused")
        assert not is_alive(worker)
        assert not status.ills
        assert run(daemon, "cameras", "pause", "cellar").exit_code == 1
        while "0 of 1 cameras streaming" not in hear("STATUS="):
            pass
        hear("WATCHDOG=1")
        daemon.process.send_signal(signal.SIGHUP)
        assert "MONOTONIC_USEC=" in hear("RELOADING=1")
        hear("READY=1")
        assert wait_for_status(daemon, lambda status: True).cameras[0].state == "paused"
        assert run(daemon, "cameras", "resume", "door").exit_code == 0
        wait_for_status(daemon, all_flow)
        assert daemon.stop() == 0
        hear("STOPPING=1")
    assert "paused" in {event.state for event in daemon.events() if event.kind == "camera.state"}
