"""Starts the workers, restarts the ones that die or hang, and ends them in the order in which frames flow."""

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from config import Settings
from daemon.exits import EXIT_CANNOT_BOOT, EXIT_CANNOT_OPEN, EXIT_ENDED
from daemon.house import House
from daemon.notify import notify
from daemon.worker_process import WorkerProcess

logger = logging.getLogger(__name__)

TICK_S = 0.1
WATCHDOG_S = 1.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
STOP_GRACE_S = {"camera": 1.0, "vision": 3.0, "identity": 3.0, "bus": 3.0, "bridge": 3.0, "web": 1.0}
"""How long a worker may take to end, in the order of their ends: what a role sent is still received by the next.

A camera worker may be inside a read that nothing can interrupt: it is killed.
"""


class Supervisor:
    """Runs a daemon on a state folder.

    Args:
        settings: what to run.
        fast: read video files as fast as they can be analysed, not in their own time.
    """

    def __init__(self, settings: Settings, fast: bool = False) -> None:
        self._settings, self._fast = settings, fast
        self._stop_signal: int | None = None
        self._failed_cameras = 0
        self._watchdog_fed_s = 0.0

    def run(self) -> int:
        """Returns the exit code: 0 after SIGTERM or when every file has ended, else 1.

        Raises:
            DeconvIDError: if the daemon cannot start at all.
        """
        with self._signals_queued(), House.open(self._settings) as house:
            workers = [WorkerProcess(plan) for plan in house.plans(self._fast)]
            try:
                return self._supervise(workers)
            finally:
                notify("STOPPING=1")
                stop_all(workers)
                house.log_accounts()

    def _supervise(self, workers: list[WorkerProcess]) -> int:
        running = [worker for worker in workers if worker.plan.role != "camera"]
        cameras = [worker for worker in workers if worker.plan.role == "camera"]
        for worker in running:
            worker.start()
        ready = False
        while self._stop_signal is None:
            time.sleep(TICK_S)
            for worker in list(running):
                if not self._look_after(worker):
                    running.remove(worker)
                    if worker.exit_code == EXIT_CANNOT_BOOT and worker.plan.essential:
                        return 1
            if not ready and all(worker.has_beaten() for worker in running if worker.plan.essential):
                # Models are loaded: only now does a frame meet somebody who looks at it.
                for worker in cameras:
                    worker.start()
                running += cameras
                ready = True
                notify("READY=1")
                logger.info("ready cameras=%d", len(cameras))
            elif ready and not any(worker.plan.role == "camera" for worker in running):
                logger.info("all_sources_ended failed=%d", self._failed_cameras)
                return 1 if self._failed_cameras else 0
            if ready and all(worker.is_healthy() for worker in running if worker.plan.essential):
                self._feed_watchdog()
        logger.info("stopping signal=%s", signal.Signals(self._stop_signal).name)
        return 0

    def _feed_watchdog(self) -> None:
        if time.monotonic() - self._watchdog_fed_s >= WATCHDOG_S:
            self._watchdog_fed_s = time.monotonic()
            notify("WATCHDOG=1")

    def _look_after(self, worker: WorkerProcess) -> bool:
        """Returns False if the worker has ended for good."""
        worker.kill_if_hung()
        if worker.is_running():
            return True
        if worker.exit_code is None:
            worker.start_when_due()
            return True
        if worker.plan.role == "camera" and worker.exit_code == EXIT_ENDED:
            return False
        if worker.plan.role == "camera" and worker.exit_code == EXIT_CANNOT_OPEN:
            self._failed_cameras += 1
            return False
        if worker.exit_code == EXIT_CANNOT_BOOT:
            return False
        worker.schedule_restart()
        return True

    @contextmanager
    def _signals_queued(self) -> Iterator[None]:
        """SIGTERM, SIGINT and SIGHUP (a closed terminal) only leave a note; the loop acts on it."""

        def note(number: int, _frame: FrameType | None) -> None:
            self._stop_signal = number

        previous = {s: signal.signal(s, note) for s in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def stop_all(workers: list[WorkerProcess]) -> None:
    """Ends the workers role by role, so that what a role sent is still received by the next."""
    for role, grace_s in STOP_GRACE_S.items():
        ending = [worker for worker in workers if worker.plan.role == role]
        for worker in ending:
            worker.terminate()
        deadline = time.monotonic() + grace_s
        for worker in ending:
            worker.wait_or_kill(max(0.0, deadline - time.monotonic()))
