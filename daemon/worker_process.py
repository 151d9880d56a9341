"""One worker as the supervisor sees it: a process, its heartbeat, and when to start it again."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from daemon.exits import EXIT_CANNOT_OPEN, EXIT_ENDED
from daemon.heartbeat import Heartbeat

logger = logging.getLogger(__name__)

Role = Literal["camera", "vision", "identity", "bus", "bridge", "web"]

PASSED_ON = (
    *("PATH", "HOME", "USER", "LANG", "LC_", "TZ", "TMPDIR", "XDG_DATA_HOME", "JOURNAL_STREAM", "DECONVID_LOG"),
    *("PYTHON", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "OMP_", "OPENBLAS_", "CUDA_", "NVIDIA_"),
)
"""Beginnings of the names of environment variables that workers get."""

RESTART_WINDOW_S = 60.0
LONGEST_DELAY_S = 30.0


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How to run a worker."""

    role: Role
    name: str
    module: str
    """What `python -m` runs."""
    task: msgspec.Struct
    """Goes to the worker's standard input as one JSON line: secrets in it appear in no list of processes."""
    heartbeat: Path
    hung_after_s: float
    """A worker that gave no heartbeat for so long is killed."""
    essential: bool = True
    """Whether the daemon is of no use without it, so that it waits for it at the start and ends if it cannot boot."""


def restart_delay_s(restarts_in_window: int) -> float:
    """Returns 0 for the first restart, so that one crash costs little, then 1, 2, 4 ... s."""
    return 0.0 if restarts_in_window == 0 else min(LONGEST_DELAY_S, 2.0 ** (restarts_in_window - 1))


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns what a worker needs of the environment: a camera's password may stand in the rest."""
    return {name: value for name, value in environment.items() if name.startswith(PASSED_ON)}


class WorkerProcess:
    def __init__(self, plan: WorkerPlan) -> None:
        self.plan = plan
        self.exit_code: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._heartbeat = Heartbeat.create(plan.heartbeat)
        self._restarts: deque[float] = deque()
        self._due_s = 0.0
        self._own_beat_ns = 0

    def start(self) -> None:
        self.exit_code = None
        self._heartbeat.beat()
        self._own_beat_ns = self._heartbeat.beaten_ns
        # stdin stays open as long as we live: its end tells the worker that the supervisor died.
        command = [sys.executable, "-m", self.plan.module]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, env=worker_environment(os.environ))
        assert self._process.stdin
        with suppress(BrokenPipeError):  # it died at once; the next look finds its exit code
            self._process.stdin.write(msgspec.json.encode(self.plan.task) + b"\n")
            self._process.stdin.flush()
        logger.info("worker_started worker=%s pid=%d", self.plan.name, self._process.pid)

    def is_running(self) -> bool:
        if self._process is None:
            return False
        code = self._process.poll()
        if code is None:
            return True
        self._close_stdin()
        self._process, self.exit_code = None, code
        self._log_end(code)
        return False

    def has_beaten(self) -> bool:
        """Whether the worker is up: its own first beat comes when it has loaded what it needs."""
        return self._process is not None and self._heartbeat.beaten_ns != self._own_beat_ns

    def is_healthy(self) -> bool:
        return self._process is not None and self._heartbeat.age_s() < self.plan.hung_after_s

    def kill_if_hung(self) -> None:
        silent_s = self._heartbeat.age_s()
        if self._process and silent_s > self.plan.hung_after_s:
            logger.error("worker_hung worker=%s silent_s=%.0f action=kill", self.plan.name, silent_s)
            self._process.kill()
            self._process.wait()

    def schedule_restart(self) -> None:
        now = time.monotonic()
        while self._restarts and now - self._restarts[0] > RESTART_WINDOW_S:
            self._restarts.popleft()
        delay = restart_delay_s(len(self._restarts))
        self._restarts.append(now)
        self.exit_code, self._due_s = None, now + delay
        logger.warning("worker_restarts worker=%s delay_s=%.0f", self.plan.name, delay)

    def start_when_due(self) -> None:
        if time.monotonic() >= self._due_s:
            self.start()

    def terminate(self) -> None:
        if self._process:
            self._process.terminate()

    def wait_or_kill(self, grace_s: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            logger.warning("worker_killed worker=%s reason=did_not_stop", self.plan.name)
            self._process.kill()
            self._process.wait()
        self._close_stdin()
        self._process = None

    def _close_stdin(self) -> None:
        if self._process and self._process.stdin:
            with suppress(BrokenPipeError):  # bytes that a dead worker never read
                self._process.stdin.close()

    def _log_end(self, code: int) -> None:
        if code == -signal.SIGKILL:
            logger.error("worker_died worker=%s signal=SIGKILL (out of memory, or killed by hand?)", self.plan.name)
        elif code in (EXIT_ENDED, EXIT_CANNOT_OPEN):
            logger.info("worker_ended worker=%s exit=%d", self.plan.name, code)
        else:
            logger.error("worker_died worker=%s exit=%d", self.plan.name, code)
