"""Rows of the table of faults in docs/streams.md, with a whole worker and a real camera; others: test_camera.py."""

import os
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest
from rig.plain_clips import write_plain_clip
from rig.silent_dns import silent_dns

from config.cameras import CameraSettings
from daemon.exits import EXIT_ENDED
from daemon.frames import DropReason

ODD_PASSWORD = "p%40@ss:/?#[]!$&'()*+,;=\"\\ üé{}|^`~%"


@pytest.mark.camera
@pytest.mark.parametrize("method", [pytest.param("basic", marks=pytest.mark.slow), "digest"])
def test_any_character_may_be_in_a_password(rtsp_camera, run_camera, make_clip, method):
    camera = rtsp_camera(["--user=vie wer", f"--password={ODD_PASSWORD}", f"--auth={method}"], cam=make_clip())
    settings = CameraSettings(url=camera.url(), username="vie wer", password=ODD_PASSWORD)
    run = run_camera(settings.address)
    run.wait_for_frames(1)
    assert ODD_PASSWORD not in run.log.read_text()


@pytest.mark.camera
def test_no_login_where_one_is_needed_is_refused(rtsp_camera, run_camera, make_clip):
    run = run_camera(rtsp_camera(["--user=viewer", "--password=right"], cam=make_clip()).url())
    assert "Correct username and password" in run.wait_for_state("auth_failed").detail


@pytest.mark.camera
@pytest.mark.parametrize(("command", "transport"), [("kick", "tcp"), ("eos cam", "udp")])
def test_a_connection_that_the_camera_ends_is_made_anew(rtsp_camera, run_camera, make_clip, command, transport):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url(), transport=transport)
    run.wait_for_frames(1)
    changes = len(run.states)
    camera.tell(command)
    run.wait_until(lambda: any(change.state in ("backoff", "stalled") for change in run.states[changes:]))
    run.wait_for_state("streaming", since=changes + 1)
    run.wait_for_frames(1)


@pytest.mark.camera
def test_a_short_silence_is_no_fault(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url(), read_timeout_s=5.0)
    run.wait_for_frames(1)
    camera.tell("pause cam")
    time.sleep(2)
    camera.tell("resume cam")
    run.wait_for_frames(2)
    assert [change.state for change in run.states] == ["connecting", "streaming"]


@pytest.mark.camera
def test_a_stall_is_noticed_within_its_timeout_and_a_second(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url(), read_timeout_s=2.0)
    run.wait_for_frames(1)
    camera.freeze()
    frozen_s = time.monotonic()
    run.wait_for_state("stalled")
    assert 1.5 < time.monotonic() - frozen_s < 3.0


@pytest.mark.camera
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_timestamps_that_jump_disturb_nothing(rtsp_camera, run_camera, make_clip, transport):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url(), transport=transport)
    run.wait_for_frames(1)
    for jump_s in (3600, -5):
        camera.tell(f"jump cam {jump_s}")
        run.wait_for_frames(3)
    assert [change.state for change in run.states] == ["connecting", "streaming"]
    times = [frame.captured_ns for frame in run.frames]
    assert times == sorted(times)
    assert max(after - before for before, after in pairwise(times)) < 2e9


@pytest.mark.camera
def test_lost_and_damaged_hevc_costs_pictures_and_nothing_else(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(cam=make_clip("hevc"))
    run = run_camera(camera.url())
    run.wait_for_frames(1)
    for fault in ("drop cam 0.1", "corrupt cam 0.3"):
        camera.tell(fault)
        run.wait_for_frames(5)
    camera.tell("corrupt cam 0")
    run.wait_until(lambda: run.ring.counts().dropped[DropReason.UNDECODED] > 0)  # the decoder tells no error
    assert [change.state for change in run.states] == ["connecting", "streaming"]


@pytest.mark.camera
@pytest.mark.slow
def test_one_picture_a_second_is_analysed_in_full(rtsp_camera, run_camera, make_clip):
    run = run_camera(rtsp_camera(cam=make_clip(fps=1, seconds=10)).url(), open_timeout_s=10.0, read_timeout_s=3.0)
    run.wait_for_frames(2)  # the first ones come at once: libav kept them while it looked at the stream
    before = run.ring.counts()
    run.wait_for_frames(3)
    after = run.ring.counts()
    assert after.dropped == before.dropped
    assert after.analysed >= before.analysed + 3


@pytest.mark.camera
def test_a_change_to_120_pictures_a_second_is_followed(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url())
    run.wait_for_frames(1)
    camera.tell(f"switch cam {make_clip(fps=120)}")
    run.wait_until(lambda: run.ring.counts().captured > 120)
    before, started = run.ring.counts(), time.monotonic()
    run.wait_for_frames(8)
    after, passed_s = run.ring.counts(), time.monotonic() - started
    assert 4 <= (after.analysed - before.analysed) / passed_s <= 6
    assert (after.captured - before.captured) / passed_s > 60
    assert after.dropped[DropReason.RING_FULL] == 0


@pytest.mark.camera
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_mjpeg_is_read_in_its_full_range(rtsp_camera, run_camera, make_clip, transport):
    run = run_camera(rtsp_camera(cam=make_clip("mjpeg")).url(), transport=transport)
    assert run.wait_for_state("streaming").detail == "320x240 mjpeg"
    run.wait_for_frames(5)
    numbers = [frame.number for frame in run.frames]
    assert all(earlier != later for earlier, later in pairwise(numbers))  # the clip of 30 frames comes again and again
    assert max(numbers) < 30
    assert run.full_range


@pytest.mark.camera
@pytest.mark.parametrize(("offered", "wanted"), [("udp", "tcp"), ("tcp", "udp")])
def test_a_transport_that_the_camera_does_not_offer_is_told_with_its_fix(
    rtsp_camera, run_camera, make_clip, offered, wanted
):
    run = run_camera(rtsp_camera([f"--transport={offered}"], cam=make_clip()).url(), transport=wanted)
    detail = run.wait_for_state("unsupported").detail
    assert detail == f"the camera does not offer transport = {wanted}. Set it to {offered}"


@pytest.mark.camera
def test_a_camera_that_is_set_to_another_codec_is_read_on(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(cam=make_clip("h264"))
    run = run_camera(camera.url())
    for codec, size in (("hevc", (640, 480)), ("mjpeg", (320, 240))):
        run.wait_for_frames(1)
        seen, changes = len(run.frames), len(run.states)
        camera.tell(f"switch cam {make_clip(codec, *size)}")
        assert run.wait_for_state("streaming", since=changes).detail == f"{size[0]}x{size[1]} {codec}"
        run.wait_until(lambda size=size, seen=seen: any(frame.size == size for frame in run.frames[seen:]))
    assert run.process.poll() is None


@pytest.mark.camera
@pytest.mark.parametrize(("width", "height"), [(1, 1), (1280, 2)])
def test_a_picture_without_room_for_a_face_is_refused(rtsp_camera, run_camera, tmp_path, width, height):
    run = run_camera(rtsp_camera(cam=write_plain_clip(tmp_path / "dot.mp4", width, height)).url())
    assert f"frames of {width}x{height} are too small" in run.wait_for_state("unsupported").detail
    assert run.frames == []


@pytest.mark.camera
@pytest.mark.slow
def test_8k_is_refused_or_read_as_the_limits_say(rtsp_camera, run_camera, tmp_path):
    address = rtsp_camera(cam=write_plain_clip(tmp_path / "8k.mp4", 7680, 4320, frames=4, fps=2)).url()
    run = run_camera(address, open_timeout_s=10.0, max_width_px=3840, max_height_px=2160)
    assert "frames of 7680x4320 are larger than 3840x2160" in run.wait_for_state("unsupported").detail
    assert run.frames == []
    assert resident_mb(run.process.pid) < 500


@pytest.mark.camera
def test_a_large_stream_costs_no_memory_before_it_is_refused(rtsp_camera, run_camera, tmp_path):
    run = run_camera(rtsp_camera(cam=write_plain_clip(tmp_path / "large.mp4", 3000, 2000)).url())
    assert "frames of 3000x2000 are larger than 1280x720" in run.wait_for_state("unsupported").detail
    assert resident_mb(run.process.pid) < 150


def test_a_dns_that_hangs_is_told_and_hangs_nothing(run_camera, tmp_path):
    with silent_dns(tmp_path) as under:
        run = run_camera("rtsp://camera.example.com/cam", under=under, open_timeout_s=1.0)
        assert "not looked up within 1 s" in run.wait_for_state("backoff").detail
        assert run.heartbeat.age_s() < 2
        run.process.send_signal(signal.SIGTERM)
        assert run.wait_for_exit() == EXIT_ENDED


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
