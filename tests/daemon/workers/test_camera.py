"""The camera worker as a process, on real streams with real faults."""

import signal
import time

import av
import pytest

from daemon.exits import EXIT_CANNOT_OPEN, EXIT_ENDED
from daemon.frames import DropReason, FrameCounts

PASSWORD = "s3cret/w@rd#1"
QUOTED_PASSWORD = "s3cret%2Fw%40rd%231"


def is_balanced(counts: FrameCounts) -> bool:
    return counts.captured == counts.analysed + sum(counts.dropped.values()) + counts.in_flight


@pytest.mark.camera
@pytest.mark.parametrize(("codec", "transport"), [("h264", "tcp"), ("hevc", "udp")])
def test_a_camera_is_read_at_the_detection_rate(rtsp_camera, run_camera, make_clip, codec, transport):
    run = run_camera(rtsp_camera(cam=make_clip(codec)).url(), transport=transport)
    run.wait_for_frames(1)
    started, before = time.monotonic(), len(run.frames)
    run.wait_for_frames(10)
    rate = (len(run.frames) - before) / (time.monotonic() - started)
    counts = run.ring.counts()
    assert 4 <= rate <= 6
    assert is_balanced(counts)
    assert counts.dropped[DropReason.RATE] >= counts.analysed  # 15 frames per second came
    assert counts.dropped[DropReason.CORRUPT] == 0
    assert run.heartbeat.age_s() < 1


@pytest.mark.camera
def test_a_camera_that_is_gone_is_found_again(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url())
    run.wait_for_frames(2)
    changes = len(run.states)
    camera.kill()
    assert run.wait_for_state("backoff", since=changes).detail
    camera.start()
    run.wait_for_state("streaming", since=changes)
    run.wait_for_frames(2)
    assert [frame.sequence for frame in run.frames] == list(range(1, len(run.frames) + 1))


@pytest.mark.camera
def test_a_camera_that_falls_silent_is_stalled_until_it_speaks(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url())
    run.wait_for_frames(2)
    changes = len(run.states)
    camera.tell("pause cam")
    assert "no picture for" in run.wait_for_state("stalled", since=changes).detail
    camera.tell("resume cam")
    run.wait_for_state("streaming", since=changes)
    run.wait_for_frames(2)


@pytest.mark.camera
def test_a_camera_that_hangs_is_stalled_until_it_goes_on(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url())
    run.wait_for_frames(2)
    changes = len(run.states)
    camera.freeze()
    run.wait_for_state("stalled", since=changes)
    camera.thaw()
    run.wait_for_state("streaming", since=changes)
    run.wait_for_frames(2)


@pytest.mark.camera
@pytest.mark.parametrize("method", ["basic", "digest"])
def test_a_login_is_used_and_never_told(rtsp_camera, run_camera, make_clip, method):
    options = ["--user=viewer", f"--password={PASSWORD}", f"--auth={method}"]
    run = run_camera(rtsp_camera(options, cam=make_clip()).url(login=f"viewer:{QUOTED_PASSWORD}@"))
    run.wait_for_frames(1)
    told = run.log.read_text() + repr(run.states) + repr(run.task)
    assert PASSWORD not in told
    assert QUOTED_PASSWORD not in told


@pytest.mark.camera
def test_a_refused_login_is_a_state_of_its_own(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(["--user=viewer", "--password=right"], cam=make_clip())
    run = run_camera(camera.url(login=f"viewer:{QUOTED_PASSWORD}@"))
    assert "password" in run.wait_for_state("auth_failed").detail
    told = run.log.read_text() + repr(run.states)
    assert "auth_failed" in told
    assert PASSWORD not in told
    assert QUOTED_PASSWORD not in told
    assert "viewer" not in told


@pytest.mark.camera
def test_an_unknown_stream_is_not_found(rtsp_camera, run_camera, make_clip):
    run = run_camera(rtsp_camera(cam=make_clip()).url("nosuch"))
    assert "path in url" in run.wait_for_state("not_found").detail


@pytest.mark.camera
def test_a_change_of_resolution_is_followed(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url())
    run.wait_for_frames(2)
    camera.tell(f"switch cam {make_clip(width=640, height=480)}")
    run.wait_until(lambda: run.frames[-1].size == (640, 480))
    assert [state.detail for state in run.states if state.state == "streaming"] == ["320x240 h264", "640x480 h264"]
    assert "backoff" not in {state.state for state in run.states}


@pytest.mark.camera
def test_frames_above_the_limit_are_refused_with_the_key_to_raise(rtsp_camera, run_camera, make_clip):
    run = run_camera(rtsp_camera(cam=make_clip()).url(), max_width_px=300)
    assert "cameras.door.max_width_px" in run.wait_for_state("unsupported").detail
    assert run.frames == []


@pytest.mark.camera
def test_damaged_frames_are_counted_and_not_analysed(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url())
    run.wait_for_frames(1)
    camera.tell("corrupt cam 0.3")
    run.wait_until(lambda: run.ring.counts().dropped[DropReason.CORRUPT] > 3)
    camera.tell("corrupt cam 0")
    run.wait_for_frames(5)
    assert is_balanced(run.ring.counts())


def test_a_camera_that_is_away_is_tried_again_until_sigterm(run_camera):
    run = run_camera("rtsp://127.0.0.1:1/cam")
    assert "refused" in run.wait_for_state("backoff").detail
    run.process.send_signal(signal.SIGTERM)
    assert run.wait_for_exit() == EXIT_ENDED


def test_an_unknown_host_is_called_so(run_camera):
    run = run_camera("rtsp://nosuchhost.invalid/cam")
    assert "host is unknown" in run.wait_for_state("backoff").detail


def test_a_file_is_played_in_its_own_time(run_camera, make_clip):
    started = time.monotonic()
    run = run_camera(str(make_clip()), "file")
    run.wait_for_state("ended")
    assert time.monotonic() - started > 1.8
    assert run.wait_for_exit() == EXIT_ENDED
    counts = run.ring.counts()
    assert (counts.captured, counts.in_flight) == (30, 0)
    assert 8 <= counts.analysed <= 11


def test_a_fast_file_is_sampled_in_media_time_without_loss(run_camera, make_clip):
    run = run_camera(str(make_clip(seconds=20)), "file", fast=True)
    assert run.wait_for_exit() == EXIT_ENDED
    # 15 frames per second, 5 of them wanted: every third.
    assert [frame.number for frame in run.frames] == list(range(0, 300, 3))
    assert [frame.media_ns for frame in run.frames][:3] == [0, 200_000_000, 400_000_000]
    counts = run.ring.counts()
    assert (counts.captured, counts.analysed, counts.dropped[DropReason.RATE]) == (300, 100, 200)


def test_a_bare_elementary_stream_is_timed_by_its_frame_rate(run_camera, make_clip, tmp_path):
    bare = tmp_path / "bare.h264"
    with av.open(make_clip()) as clip, av.open(bare, "w") as out:
        stream = out.add_stream_from_template(clip.streams.video[0])
        for packet in clip.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    run = run_camera(str(bare), "file", fast=True)
    assert run.wait_for_exit() == EXIT_ENDED
    assert 6 <= len(run.frames) <= 10


def test_a_missing_file_ends_the_worker_for_good(run_camera, tmp_path):
    run = run_camera(str(tmp_path / "missing.mp4"), "file")
    assert run.wait_for_exit() == EXIT_CANNOT_OPEN
    assert "no such file" in run.wait_for_state("not_found").detail


@pytest.mark.parametrize("content", [b"", b"this is no video" * 100], ids=["empty", "text"])
def test_a_damaged_file_ends_the_worker_for_good(run_camera, tmp_path, content):
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    run = run_camera(str(path), "file")
    assert run.wait_for_exit() == EXIT_CANNOT_OPEN
    assert "not a video" in run.wait_for_state("unsupported").detail


def test_a_truncated_file_is_refused(run_camera, tmp_path, make_clip):
    path = tmp_path / "truncated.mp4"
    whole = make_clip().read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    run = run_camera(str(path), "file")
    assert run.wait_for_exit() == EXIT_CANNOT_OPEN


def test_the_worker_ends_with_its_supervisor(run_camera, make_clip):
    run = run_camera(str(make_clip(seconds=20)), "file")
    run.wait_for_frames(1)
    run.process.stdin.close()
    started = time.monotonic()
    run.wait_for_exit()
    assert time.monotonic() - started < 2


def test_a_killed_worker_goes_on_in_the_same_books(run_camera, make_clip):
    run = run_camera(str(make_clip(seconds=20)), "file")
    run.wait_for_frames(3)
    run.process.kill()
    run.process.communicate()
    run.start()
    run.wait_for_frames(3)
    assert [frame.sequence for frame in run.frames] == list(range(1, len(run.frames) + 1))
    assert is_balanced(run.ring.counts())


def test_a_worker_without_a_task_says_who_starts_it(run_camera, tmp_path):
    run = run_camera(str(tmp_path / "missing.mp4"), "file")
    run.wait_for_exit()
    run.process.stdin.close()
    run.log.write_bytes(b"")
    run.task = None
    run.start()
    assert run.wait_for_exit() == 1
    assert "deconvid run" in run.log.read_text()
