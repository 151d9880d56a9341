"""The camera worker as a process, on real streams with real faults."""

import signal
import time
from itertools import pairwise
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
import zmq
from rig.clips import draw_luma, remux, write_lumas
from rig.workers import POLL_MS, make_camera_task

from daemon.exits import EXIT_CANNOT_OPEN, EXIT_ENDED
from daemon.frames import DropReason
from daemon.messages import FrameToken, decode_report, decode_token
from daemon.streams.accelerators import ACCELERATORS, find_lack
from daemon.workers.outbox import Outbox

PASSWORD = "s3cret/w@rd#1"
QUOTED_PASSWORD = "s3cret%2Fw%40rd%231"
YCGCO = 8
"""AVColorSpace of libav."""
WHOLE = ((0, 0), (1, 0), (1, 1), (0, 1))


def join(folder: Path, *clips: Path) -> str:
    """Returns the address of a transport stream with the clips one after the other, each with its own timestamps."""
    joined = folder / "joined.ts"
    joined.write_bytes(b"".join(remux(clip, folder / "one.ts").read_bytes() for clip in clips))
    return str(joined)


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
def test_a_masked_part_never_reaches_the_ring_also_after_a_change_of_resolution(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url(), privacy_masks=(((0.5, 0.5), (1, 0.5), (1, 1), (0.5, 1)),))
    for width, height in ((320, 240), (640, 480)):
        camera.tell(f"switch cam {make_clip(width=width, height=height)}")
        run.wait_until(lambda size=(width, height): run.frames and run.frames[-1].size == size)
        y, u, v = run.planes
        assert not y[height // 2 :, width // 2 :].any()
        assert {*u[height // 4 :, width // 4 :].flat, *v[height // 4 :, width // 4 :].flat} == {128}
        assert (y[: height // 2 - 1] > 0).all()


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
    first, second, third = (frame.captured_ns for frame in run.frames[:3])
    assert (second - first, third - first) == (200_000_000, 400_000_000)
    counts = run.ring.counts()
    assert (counts.captured, counts.analysed, counts.dropped[DropReason.RATE]) == (300, 100, 200)


@pytest.mark.parametrize(
    ("task", "followed", "looks"),
    [
        pytest.param({}, 0, 20, id="no gate"),
        pytest.param({"motion_sensitivity": 0.5}, 0, 2 + 5, id="a look each two seconds, and at whatever moves"),
        pytest.param({"motion_sensitivity": 0.5, "still_look_s": 1.0}, 0, 3 + 5, id="a look each second"),
        pytest.param({"motion_sensitivity": 0.5}, 1, 20, id="a face is followed"),
        pytest.param({"motion_sensitivity": 0.5, "privacy_masks": (WHOLE,)}, 0, 2, id="nothing moves under a mask"),
    ],
)
def test_the_motion_gate_holds_back_what_is_still_and_accounts_for_it(run_camera, tmp_path, task, followed, looks):
    still = np.random.default_rng(1).integers(40, 180, (15, 20), np.uint8).repeat(16, 0).repeat(16, 1)
    lumas = [still.copy() for _ in range(60)]
    for number in range(45, 60):  # the fourth second: something passes by
        lumas[number][100:140, (number - 45) * 16 :][:, :40] = 235
    run = run_camera(str(write_lumas(tmp_path / "still.mp4", lumas)), "file", fast=True, **task)
    run.ring.note_followed(followed)
    assert run.wait_for_exit() == EXIT_ENDED
    counts = run.ring.counts()
    assert counts.analysed == looks
    assert counts.dropped[DropReason.STILL] == 20 - looks
    assert counts.captured == 60 == counts.analysed + sum(counts.dropped.values())


def test_a_stream_whose_colours_the_scaler_does_not_know_is_read(run_camera, tmp_path):
    path = tmp_path / "ycgco.mp4"
    with av.open(path, "w") as container:
        options = {"preset": "ultrafast", "x264-params": "colormatrix=YCgCo"}
        stream = container.add_stream("libx264", rate=15, options=options)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv444p"
        for number in range(30):
            planes = np.stack([draw_luma(number, 320, 240), *np.full((2, 240, 320), 128, np.uint8)])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, "yuv444p")))
        container.mux(stream.encode(None))
    with av.open(path) as container:
        assert next(container.decode(video=0)).colorspace == YCGCO
    run = run_camera(str(path), "file", fast=True)
    assert run.wait_for_exit() == EXIT_ENDED
    assert [frame.number for frame in run.frames] == list(range(0, 30, 3))


def test_a_bare_elementary_stream_is_timed_by_its_frame_rate(run_camera, make_clip, tmp_path):
    run = run_camera(str(remux(make_clip(), tmp_path / "bare.h264")), "file", fast=True)
    assert run.wait_for_exit() == EXIT_ENDED
    assert 6 <= len(run.frames) <= 10


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_recording_that_jumps_an_hour_is_played_without_a_pause(run_camera, make_clip, tmp_path, suffix):
    run = run_camera(str(remux(make_clip(), tmp_path / f"jump.{suffix}", jump_s=3600)), "file")
    run.wait_for_state("ended")
    assert run.ring.counts().captured == 30


def test_joined_recordings_are_analysed_to_the_end_in_one_time(run_camera, make_clip, tmp_path):
    run = run_camera(join(tmp_path, make_clip(), make_clip()), "file", fast=True)
    assert run.wait_for_exit() == EXIT_ENDED
    assert [frame.number for frame in run.frames] == 2 * list(range(0, 30, 3))
    times = [frame.captured_ns for frame in run.frames]
    assert all(0 < after - before < 300_000_000 for before, after in pairwise(times))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("limits", [(320, 240), (318, 240), (320, 238)], ids=["exact", "wide", "high"])
def test_a_file_above_the_limit_is_refused_and_one_at_the_limit_is_not(run_camera, make_clip, codec, limits):
    run = run_camera(str(make_clip(codec)), "file", fast=True, max_width_px=limits[0], max_height_px=limits[1])
    if limits == (320, 240):
        run.wait_for_state("ended")
        assert run.ring.counts().captured == 30
    else:
        assert "cameras.door.max_width_px" in run.wait_for_state("unsupported").detail
        assert run.wait_for_exit() == EXIT_CANNOT_OPEN


def test_a_stream_that_grows_above_the_limit_is_refused_with_its_size(run_camera, make_clip, tmp_path):
    clips = make_clip(), make_clip(width=400, height=300)
    run = run_camera(join(tmp_path, *clips), "file", fast=True, max_width_px=320, max_height_px=240)
    assert "frames of 400x300 are larger" in run.wait_for_state("unsupported").detail


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_stream_that_grows_far_above_the_limit_is_never_decoded(run_camera, make_clip, tmp_path, codec):
    clips = make_clip(codec), make_clip(codec, width=1280, height=720)
    run = run_camera(join(tmp_path, *clips), "file", fast=True, max_width_px=320, max_height_px=240)
    run.wait_for_state("ended")
    counts = run.ring.counts()
    assert (counts.captured, counts.dropped[DropReason.CORRUPT]) == (60, 30)


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


@pytest.mark.parametrize("hwaccel", ["cuda", "auto"])
def test_who_decodes_is_told_and_that_it_is_not_who_was_to(run_camera, make_clip, tmp_path, hwaccel):
    wanted = ACCELERATORS if hwaccel == "auto" else (hwaccel,)
    found = next((accelerator for accelerator in wanted if not find_lack(accelerator)), None)
    with zmq.Context() as context, context.socket(zmq.PULL) as reports:
        reports.bind(f"ipc://{tmp_path}/reports")
        run = run_camera(str(make_clip()), "file", fast=True, hwaccel=hwaccel)
        assert run.wait_for_exit() == EXIT_ENDED
        while reports.poll(POLL_MS):
            report = decode_report(reports.recv())
    assert run.wait_for_state("streaming").detail == f"320x240 h264, decoded by {found or 'the processor'}"
    assert len(run.frames) == 10
    told = run.log.read_text().count(f"decoding_fallback camera=door hwaccel={hwaccel}")
    assert told == (found is None)
    assert bool(report.ill) == (found is None and hwaccel != "auto")


def test_a_worker_without_a_task_says_who_starts_it(run_camera, tmp_path):
    run = run_camera(str(tmp_path / "missing.mp4"), "file")
    run.wait_for_exit()
    run.process.stdin.close()
    run.log.write_bytes(b"")
    run.task = None
    run.start()
    assert run.wait_for_exit() == 1
    assert "deconvid run" in run.log.read_text()


def test_the_newest_token_waits_for_a_vision_worker_that_is_away(tmp_path):
    endpoint = f"ipc://{tmp_path}/frames"
    task = msgspec.structs.replace(
        make_camera_task(endpoint, f"ipc://{tmp_path}/observations"), regions=(WHOLE,), weight=2
    )
    with zmq.Context() as context, Outbox(context, task) as outbox:
        for sequence in range(1, 51):
            outbox.announce(FrameToken(camera="door", slot=0, generation=2, sequence=sequence))
        with context.socket(zmq.PULL) as vision:
            vision.bind(endpoint)
            assert vision.poll(5000)
            token = decode_token(vision.recv())
            assert (token.sequence, token.regions, token.weight) == (50, (WHOLE,), 2)
            assert not vision.poll(300)
        with context.socket(zmq.PULL) as successor:
            successor.bind(endpoint)
            # A token that was under way to the one that left is lost; the next ones arrive.
            sequence = 50
            while not successor.poll(20):
                sequence += 1
                assert sequence < 300
                outbox.announce(FrameToken(camera="door", slot=0, generation=2, sequence=sequence))
            assert 50 < decode_token(successor.recv()).sequence <= sequence
