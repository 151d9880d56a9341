"""How long a camera that comes back has to wait for the worker."""

import time

import pytest

RETURN_S = 1.5
"""From the moment when the camera listens again to its first frame. Half of it is libav's look at the stream."""


@pytest.mark.camera
@pytest.mark.parametrize("outage_s", [1.0, pytest.param(10.0, marks=pytest.mark.slow)])
def test_a_camera_that_returns_is_read_at_once(rtsp_camera, run_camera, make_clip, outage_s):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url())
    run.wait_for_frames(2)
    changes = len(run.states)
    camera.kill()
    run.wait_for_state("backoff", since=changes)
    time.sleep(outage_s)
    seen = len(run.frames)
    camera.start()
    returned_ns = time.monotonic_ns()
    run.wait_until(lambda: len(run.frames) > seen)
    assert (run.frames[seen].captured_ns - returned_ns) / 1e9 < RETURN_S


@pytest.mark.camera
def test_a_camera_that_hung_for_long_is_read_at_once(rtsp_camera, run_camera, make_clip):
    camera = rtsp_camera(cam=make_clip())
    run = run_camera(camera.url(), open_timeout_s=1.0)
    run.wait_for_frames(2)
    changes = len(run.states)
    camera.freeze()
    run.wait_for_state("backoff", since=changes)
    time.sleep(2.5)
    seen = len(run.frames)
    camera.thaw()
    returned_ns = time.monotonic_ns()
    run.wait_until(lambda: len(run.frames) > seen)
    assert (run.frames[seen].captured_ns - returned_ns) / 1e9 < 2 * RETURN_S
