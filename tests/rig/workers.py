"""A real camera worker process, and in this process what the supervisor, the vision and the identity worker do."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
import zmq
from numpy.typing import NDArray

from daemon.frames import FRAMES_FOLDER, FrameRing, Outcome, StaleFrame
from daemon.heartbeat import Heartbeat
from daemon.messages import CameraStateChanged, decode_observation, decode_token
from daemon.workers.task import CameraTask
from rig.clips import read_number

PATIENCE_S = 20.0
POLL_MS = 20


def make_camera_task(frames: str = "", observations: str = "") -> CameraTask:
    """A task for parts of the worker that read little of it."""
    return CameraTask(
        name="door",
        kind="rtsp",
        address="",
        detect_fps=5,
        open_timeout_s=1,
        read_timeout_s=1,
        max_width_px=64,
        max_height_px=64,
        ring="",
        heartbeat="",
        frames=frames,
        observations=observations,
        reports="ipc:///nonexistent/reports",
    )


class SeenFrame(NamedTuple):
    sequence: int
    number: int
    """What the clip's pattern says."""
    size: tuple[int, int]
    captured_ns: int


class CameraRun:
    """Starts the worker; a thread reads what it sends until `end`."""

    def __init__(self, folder: Path, address: str, kind: str, under: Sequence[str] = (), **changes: Any) -> None:
        self.ring = FrameRing.create(FRAMES_FOLDER, f"{os.getpid():08x}", "door", 1280, 720)
        heartbeat = folder / "heartbeat"
        self.heartbeat = Heartbeat.create(heartbeat)
        self.log = folder / "log"
        settings = {
            "name": "door",
            "kind": kind,
            "address": address,
            "detect_fps": 5.0,
            "open_timeout_s": 3.0,
            "read_timeout_s": 2.0,
            "max_width_px": 1280,
            "max_height_px": 720,
            "ring": str(self.ring.path),
            "heartbeat": str(heartbeat),
            "frames": f"ipc://{folder}/frames",
            "observations": f"ipc://{folder}/observations",
            "reports": f"ipc://{folder}/reports",
        }
        self.task = CameraTask(**{**settings, **changes})
        self.frames: list[SeenFrame] = []
        self.planes: list[NDArray[np.uint8]] = []
        """Copies of the newest one's: y, u and v."""
        self.full_range = False
        """Whether the newest one's planes are."""
        self.states: list[CameraStateChanged] = []
        self._command = [*under, sys.executable, "-m", "daemon.workers.camera"]
        self._ended = threading.Event()
        self._context = zmq.Context()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stderr=log)
        assert self.process.stdin
        self.process.stdin.write(msgspec.json.encode(self.task) + b"\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        frames, observations = self._context.socket(zmq.PULL), self._context.socket(zmq.PULL)
        frames.bind(self.task.frames)
        observations.bind(self.task.observations)
        while not self._ended.is_set():
            if frames.poll(POLL_MS):
                self._look(frames.recv())
            while observations.poll(0):
                message = decode_observation(observations.recv())
                assert isinstance(message, CameraStateChanged)
                self.states.append(message)
        frames.close(0)
        observations.close(0)

    def _look(self, message: bytes) -> None:
        token = decode_token(message)
        try:
            with self.ring.lease(token) as frame:
                luma = frame.image.y
                size = (luma.shape[1], luma.shape[0])
                self.planes = [plane.copy() for plane in (luma, frame.image.u, frame.image.v)]
                self.full_range = frame.image.full_range
                self.frames.append(SeenFrame(frame.sequence, read_number(luma), size, frame.captured_ns))
            self.ring.consume(token.sequence, Outcome.ANALYSED)
        except StaleFrame:
            self.ring.consume(token.sequence, Outcome.STALE)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain; states: {[state.state for state in self.states]}"
            time.sleep(POLL_MS / 1000)

    def wait_for_state(self, state: str, since: int = 0) -> CameraStateChanged:
        """Waits for a change to the state after the first `since` changes."""
        self.wait_until(lambda: any(change.state == state for change in self.states[since:]))
        return next(change for change in self.states[since:] if change.state == state)

    def wait_for_frames(self, n: int) -> None:
        """Waits until n more frames have come."""
        wanted = len(self.frames) + n
        self.wait_until(lambda: len(self.frames) >= wanted)

    def wait_for_exit(self) -> int:
        return self.process.wait(PATIENCE_S)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()
        self._ended.set()
        self._reader.join()
        self._context.term()
        self.heartbeat.close()
        counts = self.ring.counts()
        self.ring.unlink()
        self.ring.close()
        assert counts.add_up, counts


@pytest.fixture
def run_camera(tmp_path) -> Iterator[Callable[..., CameraRun]]:
    """`run_camera(address, kind="rtsp", under=[...], **task)` starts a camera worker and reads its frames."""
    runs: list[CameraRun] = []

    def run(address: str, kind: str = "rtsp", **changes: Any) -> CameraRun:
        runs.append(CameraRun(tmp_path, address, kind, **changes))
        return runs[-1]

    yield run
    for camera in runs:
        camera.end()
