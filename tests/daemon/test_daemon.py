"""The daemon as its users meet it: whole, with real processes, and killed in every place."""

import os
import signal
import time

import pytest
from rig.daemon import collect, is_alive

from daemon.enrolment import enrol
from daemon.events import CameraChanged, Identified, Unknown, Word
from daemon.exits import EXIT_CANNOT_BOOT, EXIT_FAILURE
from daemon.store import Store
from deconvid_client import Subscriber

WORKERS = ("bus", "identity", "vision", "camera-door")


def test_files_are_read_to_their_end_and_every_frame_is_accounted_for(start_daemon, corridor, corridor_clip):
    daemon = start_daemon({"door": corridor_clip, "yard": corridor_clip}, "--fast")
    assert daemon.wait() == 0
    for camera in ("door", "yard"):
        # 12 s at 10 frames a second, every second one looked at.
        assert f"frames camera={camera} captured=120 analysed=60 in_flight=0 dropped_rate=60" in daemon.log
    told = {
        (e.camera, type(e), corridor.person_at((e.box[0] + e.box[2]) / 2, 640))
        for e in daemon.events()
        if isinstance(e, Word)
    }
    for camera in ("door", "yard"):
        assert (camera, Identified, "Eileen Collins") in told
        assert (camera, Unknown, "stranger 1") in told
        assert (camera, Identified, "stranger 1") not in told
    assert daemon.rings == []


@pytest.mark.camera
def test_sigterm_ends_it_within_seconds_and_leaves_nothing(start_daemon, rtsp_camera, corridor_clip):
    daemon = start_daemon({"door": rtsp_camera(cam=corridor_clip).url()})
    daemon.wait_for("state=streaming")
    written = {path.name: path.stat().st_mode & 0o077 for path in daemon.settings.state.rglob("*")}
    assert {"bus.cursor", "frames", "vision.live"} <= set(written)
    assert set(written.values()) == {0}
    pids = [daemon.pid_of(worker) for worker in WORKERS]
    started = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - started < 8
    assert daemon.rings == []
    assert not any(is_alive(pid) for pid in pids)


@pytest.mark.camera
def test_any_worker_may_be_killed(start_daemon, rtsp_camera, corridor_clip):
    daemon = start_daemon({"door": rtsp_camera(cam=corridor_clip).url()})
    with Subscriber(daemon.settings.events_endpoint, after="start") as subscriber:
        seen = collect(subscriber, lambda event: isinstance(event, Identified))
        for worker in WORKERS:
            victim = daemon.pid_of(worker)
            os.kill(victim, signal.SIGKILL)
            daemon.wait_for(f"worker_died worker={worker} signal=SIGKILL")
            moment = time.monotonic()
            seen += collect(subscriber, lambda event: isinstance(event, Identified))
            assert time.monotonic() - moment < 30
            assert daemon.pid_of(worker) != victim
        assert subscriber.lost == 0
    assert daemon.stop() == 0
    sequences = [event.sequence for event in seen]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    stored = {event.sequence: event for event in daemon.events()}
    assert all(stored[event.sequence] == event for event in seen)


def test_workers_end_with_a_killed_supervisor_and_the_next_one_cleans_up(start_daemon, corridor_clip):
    daemon = start_daemon({"door": corridor_clip})
    daemon.wait_for("state=streaming")
    pids = [daemon.pid_of(worker) for worker in WORKERS]
    daemon.process.kill()
    daemon.process.wait()
    assert len(daemon.rings) == 1
    deadline = time.monotonic() + 5
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "a worker outlived its supervisor"
        time.sleep(0.05)
    assert start_daemon({"door": corridor_clip}, "--fast").wait() == 0
    assert daemon.rings == []


def test_a_damaged_video_disturbs_no_other_camera(start_daemon, corridor_clip, tmp_path):
    (tmp_path / "damaged.mp4").write_bytes(corridor_clip.read_bytes()[:5000])
    daemon = start_daemon({"door": corridor_clip, "yard": tmp_path / "damaged.mp4"}, "--fast")
    assert daemon.wait() == 1
    assert "file_unusable camera=yard" in daemon.log
    assert "frames camera=door captured=120 analysed=60" in daemon.log
    assert any(isinstance(event, Identified) for event in daemon.events())


def test_a_store_that_is_deleted_under_it_ends_it_loudly(start_daemon, corridor_clip):
    daemon = start_daemon({"door": corridor_clip})
    daemon.wait_for("state=streaming")
    daemon.settings.database.unlink()
    assert daemon.wait() == EXIT_CANNOT_BOOT
    assert "was deleted or replaced while in use" in daemon.log


def test_frames_that_are_deleted_under_it_end_it_to_be_started_anew(start_daemon, corridor_clip):
    daemon = start_daemon({"door": corridor_clip})
    daemon.wait_for("state=streaming")
    [ring] = daemon.rings
    ring.unlink()
    assert daemon.wait() == EXIT_FAILURE
    assert f"ring_lost file={ring}" in daemon.log


def test_a_second_daemon_is_refused(start_daemon, corridor_clip):
    first = start_daemon({"door": corridor_clip})
    first.wait_for("state=streaming")
    second = start_daemon({"door": corridor_clip})
    assert second.wait() == 1
    assert f"another daemon (pid {first.process.pid})" in second.log
    assert first.process.poll() is None


def test_a_missing_file_is_told_and_nothing_else_is_left_to_do(start_daemon, tmp_path):
    daemon = start_daemon({"door": tmp_path / "missing.mp4"}, enrolled=False)
    assert daemon.wait() == 1
    assert "cameras.door.url: there is no file" in daemon.log


@pytest.mark.camera
def test_a_wrong_password_is_told_without_the_password(start_daemon, rtsp_camera, corridor_clip):
    camera = rtsp_camera(cam=corridor_clip, options=["--user", "viewer", "--password", "hunter2"])
    urls = {"door": camera.url(login="viewer:hunter2@"), "yard": camera.url(login="viewer:letmein@")}
    daemon = start_daemon(urls)
    with Subscriber(daemon.settings.events_endpoint, after="start") as subscriber:
        seen = collect(subscriber, lambda event: isinstance(event, Identified))
    assert daemon.stop() == 0
    assert {e.state for e in daemon.events() if isinstance(e, CameraChanged) and e.camera == "yard"} >= {"auth_failed"}
    everything = daemon.log + repr(daemon.events()) + repr(seen)
    assert "hunter2" not in everything
    assert "letmein" not in everything


@pytest.mark.camera
def test_somebody_enrolled_while_it_runs_is_recognised(
    start_daemon, rtsp_camera, corridor_clip, astronaut_photo, face_engine
):
    daemon = start_daemon({"door": rtsp_camera(cam=corridor_clip).url()}, enrolled=False)
    with Subscriber(daemon.settings.events_endpoint, after="start") as subscriber:
        collect(subscriber, lambda event: isinstance(event, Unknown))
        with Store.open(daemon.settings.database) as store:
            enrol(store, face_engine, "Eileen Collins", [astronaut_photo])
        events = collect(subscriber, lambda event: isinstance(event, Word) and event.person is not None)
    assert events[-1].person.name == "Eileen Collins"
