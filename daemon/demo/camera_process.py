"""A simulated camera as a process of its own: rtsp_camera.py, with its faults on command."""

import select
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from config import DeconvIDError

SCRIPT = Path(__file__).with_name("rtsp_camera.py")
SYSTEM_PYTHON = Path("/usr/bin/python3")
"""GStreamer's bindings are a Debian package, which no virtual environment sees."""
PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
ANSWER_S = 20.0


def has_rtsp_server() -> bool:
    """Whether this machine can play a network camera."""
    try:
        return subprocess.run([SYSTEM_PYTHON, "-c", PROBE], capture_output=True, timeout=ANSWER_S).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class CameraProcess:
    """Serves clips for ever over RTSP on loopback; after `kill`, `start` keeps the port.

    Args:
        mounts: clip by mount.
        options: further arguments of rtsp_camera.py.
    """

    def __init__(self, mounts: Mapping[str, Path], options: Sequence[str] = ()) -> None:
        self._arguments = [*(f"--mount={name}={path}" for name, path in mounts.items()), *options]
        self.port = 0
        self.start()

    def start(self) -> None:
        """Raises DeconvIDError: the camera does not start."""
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, SCRIPT, "--port", str(self.port), *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # Ctrl-C is for its owner, who ends it last; and the kernel would continue a frozen one too early.
            start_new_session=True,
        )
        word, _, port = self._answer().partition(" ")
        if word != "ready":
            self.kill()
            raise DeconvIDError(f"the simulated camera did not start. Run {SYSTEM_PYTHON} {SCRIPT} to see why")
        self.port = int(port)

    def url(self, mount: str = "cam", login: str = "") -> str:
        return f"rtsp://{login}127.0.0.1:{self.port}/{mount}"

    def tell(self, command: str) -> None:
        """Gives one of rtsp_camera.py's commands. Raises DeconvIDError: it was not obeyed."""
        assert self._process.stdin
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        if (answer := self._answer()) != "ok":
            raise DeconvIDError(f"the simulated camera answers {answer or 'nothing'} to {command!r}")

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
        return self._process.stdout.readline().strip() if readable else ""


@contextmanager
def rtsp_cameras(clips: Mapping[str, Path]) -> Iterator[dict[str, str]]:
    """Serves each clip for ever as a camera; yields their addresses by name."""
    camera = CameraProcess(clips)
    try:
        yield {name: camera.url(name) for name in clips}
    finally:
        camera.kill()
