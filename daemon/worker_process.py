"""One worker as the supervisor sees it: a process, its heartbeat, and when to start it again."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from daemon import crashes
from daemon.crashes import Crashes
from daemon.exits import EXIT_CANNOT_OPEN, EXIT_ENDED, EXIT_FAILURE
from daemon.heartbeat import Heartbeat
from daemon.operations.status import WorkerState

logger = logging.getLogger(__name__)

Role = Literal["camera", "vision", "identity", "bus", "bridge", "web"]

PASSED_ON = {
    *("PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "XDG_DATA_HOME", "JOURNAL_STREAM", "VIRTUAL_ENV"),
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "DECONVID_LOG", "DECONVID_SOAK_CLOCK"),
}
"""Environment variables that workers get ..."""
PASSED_ON_BEGINNINGS = ("LC_", "PYTHON", "OMP_", "OPENBLAS_", "CUDA_", "NVIDIA_")
"""... and beginnings of the names of others."""

PIPE_HOLDS = 1 << 16
"""Bytes of a pipe, unless it is told otherwise."""

SETTLED_S = 60.0
"""A worker that lived so long was well: its next death is a first one."""
LONGEST_DELAY_S = 30.0
MOST_SHORT_LIVES = 8
"""Deaths in a row after which a worker counts as crash-looping, and is tried ..."""
CRASH_LOOP_DELAY_S = 300.0
"""... only so often: whatever is wrong, it is not wrong by chance, and the others need the processor."""
ABORT_GRACE_S = 2.0
"""How long a hung worker may take to write where it hangs."""


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
    is_file: bool = False
    """Of a camera: whether its worker is done some day."""


def restart_delay_s(short_lives: int) -> float:
    """Returns 0 after the first death, so that one crash costs little, then 1, 2, 4 ... s."""
    if short_lives >= MOST_SHORT_LIVES:
        return CRASH_LOOP_DELAY_S
    return 0.0 if short_lives <= 1 else min(LONGEST_DELAY_S, 2.0 ** (short_lives - 2))


def signal_name(number: int) -> str:
    """Returns how a signal is called; Python has no names for most of the real-time ones."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN{number - signal.SIGRTMIN:+d}"


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns what a worker needs of the environment: a camera's password may stand in the rest."""
    return {
        name: value for name, value in environment.items() if name in PASSED_ON or name.startswith(PASSED_ON_BEGINNINGS)
    }


class WorkerProcess:
    """Args: crashes: where it leaves its trace when it crashes or hangs.

    Raises:
        DeconvIDError: its heartbeat cannot be made.
    """

    def __init__(self, plan: WorkerPlan, crashes: Crashes) -> None:
        self.plan = plan
        self.exit_code: int | None = None
        """Of the newest process, if it ended and is not to be started again."""
        self.restarts = 0
        """Since the daemon started."""
        self.short_lives = 0
        """Deaths in a row, each soon after the start."""
        self.since_wall_ns = time.time_ns()
        """Of the state."""
        self._crashes = crashes
        self._process: subprocess.Popen[bytes] | None = None
        self._heartbeat = Heartbeat.create(plan.heartbeat)
        self._started_s = self._due_s = 0.0
        self._aborted_s: float | None = None
        self._own_beat_ns = 0
        self._last_state: WorkerState = "starting"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def state(self) -> WorkerState:
        if self._process:
            return "running" if self.has_beaten() else "starting"
        if self.exit_code is None:
            return "restarting" if self._started_s else "starting"
        return "ended" if self.exit_code == EXIT_ENDED else "failed"

    @property
    def has_given_up(self) -> bool:
        """Whether it ended for good."""
        return self._process is None and self.exit_code is not None

    @property
    def is_crash_looping(self) -> bool:
        return self.short_lives >= MOST_SHORT_LIVES

    @property
    def heartbeat_age_s(self) -> float:
        return self._heartbeat.age_s()

    def note_state(self) -> None:
        """To be called each round: remembers since when the state is what it is, and forgives one that lives."""
        if self._process and time.monotonic() - self._started_s > SETTLED_S:
            self.short_lives = 0
        if (state := self.state) != self._last_state:
            self._last_state, self.since_wall_ns = state, time.time_ns()

    def start(self) -> None:
        """Starts the process. If the machine has no room for another one, the worker counts as one that died."""
        self.exit_code = self._aborted_s = None
        self._heartbeat.beat()
        self._own_beat_ns = self._heartbeat.beaten_ns
        self._started_s = time.monotonic()
        task = msgspec.json.encode(self.plan.task) + b"\n"
        try:
            self._process = self._fork(len(task))
        except OSError as error:
            self.exit_code = EXIT_FAILURE
            logger.error("worker_not_started worker=%s cause='%s'", self.plan.name, error.strerror)
            return
        assert self._process.stdin
        with suppress(BrokenPipeError):  # it died at once; the next look finds its exit code
            self._process.stdin.write(task)
            self._process.stdin.flush()
        logger.info("worker_started worker=%s pid=%d", self.plan.name, self._process.pid)

    def _fork(self, task_bytes: int) -> "subprocess.Popen[bytes]":
        """Raises OSError: too many processes or open files, or no memory."""
        trace = str(self._crashes.path_for(self.plan.name))
        # stdin stays open as long as we live: its end tells the worker that the supervisor died.
        return subprocess.Popen(
            # -P: no module is taken from the folder in which the daemon happens to be started.
            [sys.executable, "-P", "-m", self.plan.module, self.plan.name],
            stdin=subprocess.PIPE,
            # The worker reads when it has loaded what it needs; nobody here may wait for that.
            pipesize=task_bytes if task_bytes > PIPE_HOLDS else -1,
            env={**worker_environment(os.environ), crashes.VARIABLE: trace},
        )

    def is_running(self) -> bool:
        if self._process is None:
            return False
        code = self._process.poll()
        if code is None:
            return True
        self._bury(code)
        return False

    def has_beaten(self) -> bool:
        """Whether the worker is up: its own first beat comes when it has loaded what it needs."""
        return self._process is not None and self._heartbeat.beaten_ns != self._own_beat_ns

    def is_healthy(self) -> bool:
        return self._process is not None and self.heartbeat_age_s < self.plan.hung_after_s

    def end_if_hung(self) -> None:
        """SIGABRT first, on which it writes where it hangs, then SIGKILL."""
        if self._process is None or self.heartbeat_age_s <= self.plan.hung_after_s:
            return
        if self._aborted_s is None:
            self._aborted_s = time.monotonic()
            logger.error("worker_hung worker=%s silent_s=%.0f action=abort", self.plan.name, self.heartbeat_age_s)
            self._process.send_signal(signal.SIGABRT)
        elif time.monotonic() - self._aborted_s > ABORT_GRACE_S:
            self._process.kill()

    def schedule_restart(self) -> float:
        """Returns after how many seconds it starts again."""
        self.restarts += 1
        self.short_lives += 1
        delay_s = restart_delay_s(self.short_lives)
        self.exit_code, self._due_s = None, time.monotonic() + delay_s
        log = logger.error if self.is_crash_looping else logger.warning
        log("worker_restarts worker=%s delay_s=%.0f deaths_in_a_row=%d", self.plan.name, delay_s, self.short_lives)
        return delay_s

    @property
    def is_due(self) -> bool:
        """Whether it is to be started now."""
        return self._process is None and self.exit_code is None and time.monotonic() >= self._due_s

    def renew(self) -> None:
        """Makes it due as if it had never died: its task is another one, or somebody asked for it."""
        self.short_lives, self._started_s, self._due_s, self.exit_code = 0, 0.0, 0.0, None

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
        self._crashes.keep(self.plan.name)
        self._process, self.exit_code = None, EXIT_ENDED

    def remove(self) -> None:
        """For a worker that has ended and will not be started again: leaves no file behind."""
        self._heartbeat.close()
        self.plan.heartbeat.unlink(missing_ok=True)

    def _bury(self, code: int) -> None:
        self._close_stdin()
        self._process, self.exit_code = None, code
        trace = self._crashes.keep(self.plan.name)
        self._log_end(code)
        if trace:
            logger.error("worker_left_trace worker=%s file=crashes/%s", self.plan.name, trace.name)

    def _close_stdin(self) -> None:
        if self._process and self._process.stdin:
            with suppress(BrokenPipeError):  # bytes that a dead worker never read
                self._process.stdin.close()

    def _log_end(self, code: int) -> None:
        if code < 0:
            hint = " (out of memory, or killed by hand?)" if code == -signal.SIGKILL and not self._aborted_s else ""
            logger.error("worker_died worker=%s signal=%s%s", self.plan.name, signal_name(-code), hint)
        elif code in (EXIT_ENDED, EXIT_CANNOT_OPEN):
            logger.info("worker_ended worker=%s exit=%d", self.plan.name, code)
        else:
            logger.error("worker_died worker=%s exit=%d", self.plan.name, code)
