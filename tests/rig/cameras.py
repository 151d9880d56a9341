"""Cameras on loopback that speak real RTSP, with faults on command: daemon/demo/rtsp_camera.py."""

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import daemon.demo

SCRIPT = Path(daemon.demo.__file__).with_name("rtsp_camera.py")
SYSTEM_PYTHON = "/usr/bin/python3"
ANSWER_S = 20.0
PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
PACKAGES = SCRIPT.parents[2] / "scripts" / "camera-packages.txt"


class RtspCamera:
    """A camera process; `kill` and `start` again keep its port."""

    def __init__(self, mounts: dict[str, Path], options: list[str]) -> None:
        self._arguments = [f"--mount={name}={path}" for name, path in mounts.items()] + options
        self.port = 0
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, SCRIPT, "--port", str(self.port), *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Else the kernel continues a stopped camera when the process that started it ends.
            start_new_session=True,
        )
        word, port = self._answer().split()
        assert word == "ready"
        self.port = int(port)

    def url(self, mount: str = "cam", login: str = "") -> str:
        return f"rtsp://{login}127.0.0.1:{self.port}/{mount}"

    def tell(self, command: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{command}\n".encode())
        self._process.stdin.flush()
        assert self._answer() == "ok"

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def freeze(self) -> None:
        """The camera hangs: its connections stay open, nothing comes."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def _answer(self) -> str:
        assert self._process.stdout
        readable, _, _ = select.select([self._process.stdout], [], [], ANSWER_S)
        assert readable, "the simulated camera does not answer"
        return self._process.stdout.readline().decode().strip()


@pytest.fixture(scope="session")
def rtsp_server() -> None:
    """Skips where GStreamer's RTSP server is missing; in CI that is a failure."""
    if subprocess.run([SYSTEM_PYTHON, "-c", PROBE], capture_output=True).returncode == 0:
        return
    needed = " ".join(line for line in PACKAGES.read_text().splitlines() if not line.startswith("#"))
    reason = f"needs apt-get install --no-install-recommends {needed}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def rtsp_camera(rtsp_server) -> Iterator[Callable[..., RtspCamera]]:
    """`rtsp_camera(cam=clip, ..., options=[...])` starts a camera with a mount for each clip."""
    cameras: list[RtspCamera] = []

    def start(options: list[str] | None = None, **mounts: Path) -> RtspCamera:
        cameras.append(RtspCamera(mounts, options or []))
        return cameras[-1]

    yield start
    for camera in cameras:
        camera.kill()
