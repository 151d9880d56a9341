"""Cameras on loopback that speak real RTSP, with faults on command: daemon/demo/rtsp_camera.py."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.demo.camera_process import SCRIPT, CameraProcess, has_rtsp_server

PACKAGES = SCRIPT.parents[2] / "scripts" / "camera-packages.txt"


@pytest.fixture(scope="session")
def rtsp_server() -> None:
    """Skips where GStreamer's RTSP server is missing; in CI that is a failure."""
    if has_rtsp_server():
        return
    needed = " ".join(line for line in PACKAGES.read_text().splitlines() if not line.startswith("#"))
    reason = f"needs apt-get install --no-install-recommends {needed}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def rtsp_camera(rtsp_server) -> Iterator[Callable[..., CameraProcess]]:
    """`rtsp_camera(cam=clip, ..., options=[...])` starts a camera with a mount for each clip."""
    cameras: list[CameraProcess] = []

    def start(options: list[str] | None = None, **mounts: Path) -> CameraProcess:
        cameras.append(CameraProcess(mounts, options or []))
        return cameras[-1]

    yield start
    for camera in cameras:
        camera.kill()
