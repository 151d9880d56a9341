"""All workers of a daemon: started in the order in which they receive, ended in the order in which they send."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from daemon.crashes import Crashes
from daemon.exits import EXIT_CANNOT_BOOT, EXIT_CANNOT_OPEN, EXIT_ENDED
from daemon.worker_process import Role, WorkerPlan, WorkerProcess, signal_name
from daemon.workers.task import VisionTask

logger = logging.getLogger(__name__)

STOP_GRACE_S: dict[Role, float] = {
    "camera": 1.0,
    "vision": 3.0,
    "identity": 3.0,
    "bus": 3.0,
    "bridge": 3.0,
    "web": 1.0,
}
"""How long a worker may take to end, in the order of their ends: what a role sent is still received by the next.

A camera worker may be inside a read that nothing can interrupt: it is killed.
"""

MOST_STARTING = 2 * (os.cpu_count() or 1)
"""Cameras that start at the same time. Fifty at once take each other the processor, until all of them count as hung."""

ROUNDS_ABOVE_LIMIT = 5
"""Looks at a worker's memory, a second apart, that it may be above its limit: a peak is no leak."""


class Crew:
    """Args:
    plans: how to run each worker, receivers first.
    crashes: where they leave their traces.
    tell: called with a worker and what happened to it.
    """

    def __init__(self, plans: Iterable[WorkerPlan], crashes: Crashes, tell: Callable[[str, str], None]) -> None:
        self._crashes, self._tell = crashes, tell
        self._workers = {plan.name: WorkerProcess(plan, crashes) for plan in plans}
        self._above_limit: dict[str, int] = {}
        self.paused: set[str] = set()
        """Cameras whose workers are not to run."""
        self.is_ready = False
        """Whether the receivers were up once. Before, no camera is started: no frame is decoded for nobody."""

    def __iter__(self) -> Iterator[WorkerProcess]:
        return iter(list(self._workers.values()))

    def get(self, name: str) -> WorkerProcess | None:
        return self._workers.get(name)

    @property
    def cameras(self) -> list[WorkerProcess]:
        return [worker for worker in self if worker.plan.role == "camera"]

    @property
    def essential(self) -> list[WorkerProcess]:
        return [worker for worker in self if worker.plan.essential and worker.plan.role != "camera"]

    @property
    def cannot_boot(self) -> bool:
        return any(worker.exit_code == EXIT_CANNOT_BOOT for worker in self.essential)

    @property
    def sources_have_ended(self) -> bool:
        """Whether there is nothing left to read: every camera was a file."""
        cameras = self.cameras
        return bool(cameras) and not self.paused and all(worker.has_given_up for worker in cameras)

    @property
    def failed_cameras(self) -> int:
        return sum(worker.state == "failed" for worker in self.cameras)

    def pause(self, camera: str) -> None:
        self.paused.add(camera)
        self.stop([self._workers[f"camera-{camera}"]])

    def resume(self, camera: str) -> bool:
        """Has a camera started that is paused, or a file that has ended; returns whether it was."""
        worker = self._workers[f"camera-{camera}"]
        if camera not in self.paused and not worker.has_given_up:
            return False
        self.paused.discard(camera)
        worker.renew()
        return True

    def try_at_once(self, camera: str) -> None:
        """Has a camera's worker started anew, which may be waiting for minutes until its next attempt."""
        worker = self._workers[f"camera-{camera}"]
        self.stop([worker])
        worker.renew()

    def look_after(self) -> None:
        """One round: ends what hangs, has what died started again, and starts what is due."""
        for worker in self:
            worker.end_if_hung()
            if not worker.is_running() and not self._is_paused(worker):
                self._bring_up(worker)
            worker.note_state()

    def _bring_up(self, worker: WorkerProcess) -> None:
        self._reschedule(worker)
        if worker.is_due and (worker.plan.role != "camera" or self._may_start_a_camera):
            worker.start()
            self._reschedule(worker)  # the machine may have had no room for it

    def _reschedule(self, worker: WorkerProcess) -> None:
        """Has a worker started again that ended, but not for good."""
        if worker.exit_code is None or _has_ended_for_good(worker):
            return
        how = _ending(worker.exit_code)
        delay_s = worker.schedule_restart()
        loops = f"; {worker.short_lives} times in a row" if worker.is_crash_looping else ""
        self._tell(worker.plan.name, f"{how}; starts again in {delay_s:.0f} s{loops}")

    @property
    def _may_start_a_camera(self) -> bool:
        starting = sum(worker.state == "starting" and worker.pid is not None for worker in self.cameras)
        return self.is_ready and starting < MOST_STARTING

    def _is_paused(self, worker: WorkerProcess) -> bool:
        return worker.plan.role == "camera" and worker.plan.name.removeprefix("camera-") in self.paused

    def note_memory(self, worker: WorkerProcess, memory_bytes: int, limit_bytes: int) -> None:
        """To be called once a second: starts a worker anew that stays above its limit."""
        name = worker.plan.name
        self._above_limit[name] = self._above_limit.get(name, 0) + 1 if memory_bytes > limit_bytes else 0
        if self._above_limit[name] < ROUNDS_ABOVE_LIMIT:
            return
        self._above_limit[name] = 0
        megabytes = memory_bytes // 1_000_000
        logger.error("worker_above_memory_limit worker=%s megabytes=%d action=restart", name, megabytes)
        self.stop([worker])
        worker.schedule_restart()
        self._tell(name, f"held {megabytes} MB, more than limits.memory_megabytes; starts again")

    def change(self, plans: Sequence[WorkerPlan]) -> list[str]:
        """Takes over other plans; returns the names of the workers that were ended for it, or are to be started.

        Workers whose plans say the same as before are left alone.

        Raises:
            DeconvIDError: a new worker's heartbeat cannot be made; nothing has changed then.
        """
        wanted = {plan.name: plan for plan in plans}
        added = {name: WorkerProcess(plan, self._crashes) for name, plan in wanted.items() if name not in self._workers}
        gone = [worker for worker in self if worker.plan.name not in wanted]
        changed = [worker for worker in self if worker not in gone and _differs(worker.plan, wanted[worker.plan.name])]
        self.stop([*gone, *changed])
        for worker in gone:
            worker.remove()
            self.paused.discard(worker.plan.name.removeprefix("camera-"))
        everybody = {**self._workers, **added}
        self._workers = {name: everybody[name] for name in wanted}
        for worker in self:
            worker.plan = wanted[worker.plan.name]
            if worker in changed:
                worker.renew()
        return [worker.plan.name for worker in (*gone, *changed, *added.values())]

    def stop(self, workers: Sequence[WorkerProcess]) -> None:
        """Ends workers role by role."""
        for role, grace_s in STOP_GRACE_S.items():
            ending = [worker for worker in workers if worker.plan.role == role]
            for worker in ending:
                worker.terminate()
            deadline = time.monotonic() + grace_s
            for worker in ending:
                worker.wait_or_kill(max(0.0, deadline - time.monotonic()))

    def stop_all(self) -> None:
        self.stop(list(self))


def _has_ended_for_good(worker: WorkerProcess) -> bool:
    if worker.plan.role == "camera":
        # A live camera has no end: somebody who is not the supervisor asked its worker to stop.
        return worker.plan.is_file and worker.exit_code in (EXIT_ENDED, EXIT_CANNOT_OPEN)
    return worker.exit_code == EXIT_CANNOT_BOOT


def _ending(code: int) -> str:
    return f"died of {signal_name(-code)}" if code < 0 else f"ended with {code}"


def _differs(old: WorkerPlan, new: WorkerPlan) -> bool:
    """Whether a worker has to start anew for its new plan. The vision worker is told of cameras while it runs."""
    if isinstance(old.task, VisionTask) and isinstance(new.task, VisionTask):
        return msgspec.structs.replace(old.task, rings={}) != msgspec.structs.replace(new.task, rings={})
    return old != new
