"""The demo's cameras: a real RTSP server on loopback where GStreamer has one, else video files."""

import logging
import select
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from config import DeconvIDError

logger = logging.getLogger(__name__)

SERVER = Path(__file__).with_name("rtsp_camera.py")
SYSTEM_PYTHON = Path("/usr/bin/python3")
"""GStreamer's bindings are a Debian package, which no virtual environment sees."""
START_S = 20.0


def has_rtsp_server() -> bool:
    """Whether this machine can play a network camera."""
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    try:
        return subprocess.run([SYSTEM_PYTHON, "-c", probe], capture_output=True, timeout=START_S).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@contextmanager
def rtsp_cameras(clips: Mapping[str, Path]) -> Iterator[dict[str, str]]:
    """Serves each clip for ever as a camera; yields their addresses by name."""
    mounts = [argument for name, clip in clips.items() for argument in ("--mount", f"{name}={clip}")]
    server = subprocess.Popen(
        [SYSTEM_PYTHON, SERVER, "--port", "0", *mounts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is for the demo, which ends the camera last
    )
    assert server.stdin
    assert server.stdout
    try:
        readable, _, _ = select.select([server.stdout], [], [], START_S)
        word, _, port = (server.stdout.readline() if readable else "").strip().partition(" ")
        if word != "ready":
            raise DeconvIDError(f"the simulated camera did not start. Run {SYSTEM_PYTHON} {SERVER} to see why")
        yield {name: f"rtsp://127.0.0.1:{port}/{name}" for name in clips}
    finally:
        server.kill()
        server.wait()
        server.stdin.close()
        server.stdout.close()
