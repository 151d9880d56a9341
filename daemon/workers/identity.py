"""The identity worker: observations -> one decision per track -> store.

The only writer of events, but for what operators do to strangers: that is stored with its event at once.
"""

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import zmq

from config import RetentionSettings, SnapshotSettings, StrangerSettings
from daemon.errors import StoreError
from daemon.events.errors import EventBusError
from daemon.events.sockets import bind_private
from daemon.events.writer import EventWriter
from daemon.exits import EXIT_CANNOT_BOOT, EXIT_ENDED, EXIT_FAILURE
from daemon.heartbeat import Heartbeat
from daemon.identity import DecisionRules
from daemon.identity.calibration import threshold
from daemon.identity.calibrator import Calibrator
from daemon.identity.class_retention import ClassRetention
from daemon.identity.expiry import Expiry
from daemon.identity.intake import LARGEST_MESSAGE, BadObservation, read_observation
from daemon.identity.recogniser import Recogniser
from daemon.identity.retention import Retention
from daemon.identity.sightings import StrangerRules
from daemon.identity.stranger_desk import StrangerDesk
from daemon.messages import Observation
from daemon.operations.reporter import Reporter
from daemon.snapshots.retention import SnapshotRetention
from daemon.snapshots.store import SnapshotStore
from daemon.sober_clock import SoberClock
from daemon.store import MasterKey, Store, StoreUnusableError
from daemon.store.pictures import SNAPSHOTS_FOLDER
from daemon.workers.logs import set_up_worker_logging
from daemon.workers.task import IdentityTask, read_task, stop_on_sigterm
from engine.impostors import ImpostorTails

logger = logging.getLogger(__name__)

WAIT_MS = 100
"""Longest wait for an observation before the heartbeat and the chores."""

ROUND = 256
"""Observations before the heartbeat and the chores, even if more are waiting."""

CHORES_S = 1.0
"""People who are added or erased while the daemon runs count after so long at the latest; the store is tried again."""

REPORT_S = 60.0

DRAIN_S = 1.0
"""Longest work on what had arrived when the worker was told to stop."""


class Enforced(Protocol):
    """A rule about what is kept, and for how long."""

    def enforce(self) -> None:
        """Costs nothing if it is not due; logs what it cannot do."""


class IdentityWorker:
    """A context manager, which closes its socket."""

    def __init__(
        self,
        recogniser: Recogniser,
        writer: EventWriter,
        retentions: Sequence[Enforced],
        heartbeat: Heartbeat,
        reporter: Reporter,
        endpoint: str,
        context: "zmq.Context[zmq.Socket[bytes]]",
    ) -> None:
        """Raises EventBusError: the endpoint cannot be bound."""
        self._recogniser, self._writer, self._retentions = recogniser, writer, retentions
        self._heartbeat, self._reporter = heartbeat, reporter
        self._observations: zmq.Socket[bytes] = context.socket(zmq.PULL)
        self._observations.set(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
        bind_private(self._observations, endpoint)
        self._chores_due_s = 0.0
        self._report_due_s = time.monotonic() + REPORT_S

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._heartbeat.beat()
            self._take_observations(WAIT_MS)
            self._do_chores()
            self._report()
        self._drain()
        self._recogniser.do_chores()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._observations.close(linger=0)

    def _take_observations(self, wait_ms: int) -> bool:
        """Works on a round of what has arrived; returns whether there was anything."""
        if not self._observations.poll(wait_ms):
            return False
        self._recogniser.take(self._round())
        return True

    def _round(self) -> Iterator[Observation]:
        with suppress(zmq.Again):
            for _ in range(ROUND):
                data = self._observations.recv(zmq.NOBLOCK)
                try:
                    yield read_observation(data)
                except BadObservation as error:
                    self._note_bad(error, len(data))

    def _note_bad(self, error: BadObservation, length: int) -> None:
        counts = self._recogniser.counts
        counts["bad_observations"] += 1
        if counts["bad_observations"] == 1:
            logger.warning("bad_observation reason='%s' bytes=%d", error, length)

    def _do_chores(self) -> None:
        now_s = time.monotonic()
        if now_s >= self._chores_due_s:
            self._chores_due_s = now_s + CHORES_S
            self._recogniser.do_chores()
            for retention in self._retentions:
                retention.enforce()

    def _report(self) -> None:
        self._reporter.report(
            counters=self._recogniser.counts,
            gauges={"newest_sequence": self._writer.newest},
            histograms=self._writer.latencies,
            ill=self._recogniser.ill,
        )
        now_s = time.monotonic()
        if now_s >= self._report_due_s:
            self._report_due_s = now_s + REPORT_S
            counts = self._recogniser.counts
            logger.info("identity %s", " ".join(f"{name}={n}" for name, n in sorted(counts.items())))

    def _drain(self) -> None:
        deadline_s = time.monotonic() + DRAIN_S
        while self._take_observations(0) and time.monotonic() < deadline_s:
            pass


def main() -> int:
    stop = stop_on_sigterm()
    task = read_task(IdentityTask)
    set_up_worker_logging("identity")
    try:
        _serve(task, stop)
    except StoreUnusableError as error:
        logger.error("identity_cannot_go_on cause='%s'", error)
        return EXIT_CANNOT_BOOT
    except (StoreError, EventBusError) as error:
        logger.error("identity_cannot_start cause='%s'", error)
        return EXIT_FAILURE
    return EXIT_ENDED


def _serve(task: IdentityTask, stop: threading.Event) -> None:
    rules = DecisionRules(
        task.threshold, task.margin, task.hysteresis, task.least_observations, task.nearness, task.patience
    )
    heartbeat = Heartbeat.open(Path(task.heartbeat))
    with (
        closing(heartbeat),
        _open_store(task) as store,
        zmq.Context() as context,
        EventWriter(store, task.stored_endpoint, context) as writer,
        Reporter(context, task.reports, "identity") as reporter,
    ):
        settings = SnapshotSettings.model_validate_json(task.snapshots)
        folder = store.database.path.parent / SNAPSHOTS_FOLDER
        snapshots, calibrator = SnapshotStore(folder, settings), _calibrator(store, task)
        strangers = _stranger_desk(store, task, snapshots.counts)
        recogniser = Recogniser(store, writer, task.model, rules, snapshots, calibrator, strangers)
        clock = SoberClock(store.events.newest_at())
        retentions = (
            Retention(store.events, task.keep_days, task.keep_megabytes, clock.now),
            Expiry(store.expiry, task.erase_expired_after_days, clock.now),
            SnapshotRetention(folder, settings, clock.now),
            ClassRetention(store, RetentionSettings.model_validate_json(task.retention), clock.now),
        )
        endpoint = task.observations_endpoint
        with IdentityWorker(recogniser, writer, retentions, heartbeat, reporter, endpoint, context) as worker:
            logger.info("identity_ready")
            worker.run(stop)


def _open_store(task: IdentityTask) -> Store:
    # Rewriting a large file would outlast the heartbeat.
    key = MasterKey(task.master_key)
    return Store.open(Path(task.database), url=task.database_url, master_key=key, actor="daemon", scrubs=False)


def _stranger_desk(store: Store, task: IdentityTask, counts: Counter[str]) -> StrangerDesk | None:
    settings = StrangerSettings.model_validate_json(task.strangers)
    if not settings.enabled:
        return None
    tails = ImpostorTails.model_validate_json(task.impostors) if task.impostors else None
    rules = StrangerRules(task.threshold, task.hysteresis, settings.most_likenesses, settings.most)

    def rules_for(likenesses: int) -> StrangerRules:
        return replace(rules, threshold=threshold(task.fpir, likenesses, tails.tracks)) if tails else rules

    return StrangerDesk(store, task.model, settings, rules_for, counts)


def _calibrator(store: Store, task: IdentityTask) -> Calibrator | None:
    if not task.impostors:
        return None
    tails = ImpostorTails.model_validate_json(task.impostors)
    return Calibrator(store, tails, task.fpir, task.strangers_are)


if __name__ == "__main__":
    sys.exit(main())
