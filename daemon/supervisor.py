"""The supervisor: starts the workers, looks after them, does what it is told, and says how all of them are."""

import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from time import monotonic

import zmq

from config import Settings
from daemon.commands import Commands
from daemon.crashes import Crashes
from daemon.crew import Crew
from daemon.exits import EXIT_CANNOT_BOOT, EXIT_FAILURE
from daemon.house import House
from daemon.operations.control import ControlSocket, Request
from daemon.operations.observer import Observer, summary_of
from daemon.operations.outgoing import Outgoing
from daemon.operations.reports import Reports
from daemon.operations.status import FILE_NAME, DaemonStatus
from daemon.service import Service
from daemon.signals import Signals

logger = logging.getLogger(__name__)

TICK_MS = 100
"""Longest wait for a request before the workers are looked after."""
LOOK_S = 1.0
"""How often the status is written."""


def run_daemon(
    settings: Settings,
    fast: bool = False,
    reread: Callable[[], Settings] | None = None,
    configuration: Path | None = None,
) -> int:
    """Runs a daemon on its state folder until it is stopped or every file has ended; returns the exit code.

    Args:
        settings: what to run.
        fast: read video files as fast as they can be analysed, not in their own time.
        reread: returns the settings as they are configured now; raises ConfigError if anything is wrong with them.
        configuration: path of the file, for people.

    Raises:
        StoreUnusableError: the store is damaged, or its keys are not there: a restart would not help.
        DeconvIDError: if the daemon cannot start at all.
    """
    signals = Signals()
    with ExitStack() as stack:
        # As systemd's unit does: what we and our workers write is nobody else's to read.
        stack.callback(os.umask, os.umask(0o077))
        stack.enter_context(signals.noted())
        house = stack.enter_context(House.open(settings, fast))
        context = stack.enter_context(zmq.Context())
        endpoint = f"ipc://{settings.runtime_folder}"
        control = stack.enter_context(ControlSocket(context, settings.control_endpoint))
        reports = stack.enter_context(Reports(context, f"{endpoint}/reports"))
        outgoing = stack.enter_context(Outgoing(context, f"{endpoint}/observations", f"{endpoint}/frames"))

        def tell(worker: str, what: str) -> None:
            reports.forget(worker)
            outgoing.notice("daemon.worker", worker, what)

        crew = Crew(house.plans(), Crashes(settings.state / "crashes"), tell)
        observer = Observer(reports, configuration)
        service = Service()
        commands = Commands(house, crew, outgoing, reports, observer, service, reread or (lambda: settings))
        return Supervisor(house, crew, control, reports, outgoing, observer, service, commands, signals).run()


class Supervisor:
    """The loop. It waits for nothing but requests, and for workers that it ends."""

    def __init__(
        self,
        house: House,
        crew: Crew,
        control: ControlSocket,
        reports: Reports,
        outgoing: Outgoing,
        observer: Observer,
        service: Service,
        commands: Commands,
        signals: Signals,
    ) -> None:
        self._house, self._crew, self._control, self._reports = house, crew, control, reports
        self._outgoing, self._observer, self._service = outgoing, observer, service
        self._commands, self._signals = commands, signals
        self._look_due_s = 0.0
        self._poller = zmq.Poller()
        for channel in (control.socket, reports.socket):
            self._poller.register(channel, zmq.POLLIN)

    def run(self) -> int:
        """Returns the exit code: 0 after SIGTERM or when every file has ended, 4 if no restart would help, else 1."""
        self._outgoing.notice("daemon.started", detail=f"version {version('deconvid')}")
        try:
            return self._work()
        finally:
            self._stop()

    def _work(self) -> int:
        while self._signals.stop is None:
            self._listen()
            if self._signals.take_reload():
                self._commands.handle(Request("reload", actor="signal"))
            self._crew.look_after()
            if self._crew.cannot_boot:
                return EXIT_CANNOT_BOOT
            if not self._crew.is_ready:
                self._begin_when_up()
            elif self._crew.sources_have_ended:
                logger.info("all_sources_ended failed=%d", self._crew.failed_cameras)
                return 1 if self._crew.failed_cameras else 0
            self._look()
            if lost := self._house.lost_ring():
                # A worker that starts again would not find it; a new daemon makes its rings anew.
                logger.error("ring_lost file=%s cause='somebody removed it' action=end", lost)
                return EXIT_FAILURE
        logger.info("stopping signal=%s", self._signals.stop.name)
        return 0

    def _listen(self) -> None:
        self._poller.poll(TICK_MS)
        self._reports.receive({worker.plan.name for worker in self._crew})
        self._control.serve(self._commands.handle)

    def _begin_when_up(self) -> None:
        if not all(worker.has_beaten() for worker in self._crew.essential):
            self._service.ask_for_time()
            return
        # Models are loaded: only now does a frame meet somebody who looks at it.
        self._crew.is_ready = True
        self._observer.state = "running"
        self._service.ready()
        logger.info("ready cameras=%d", len(self._crew.cameras))

    def _look(self) -> None:
        """Once a second: how are we?"""
        if monotonic() < self._look_due_s:
            return
        self._look_due_s = monotonic() + LOOK_S
        status = self._observe()
        memory = {worker.name: worker.memory_bytes for worker in status.workers}
        for worker in self._crew:
            limit_bytes = self._house.settings.limits.memory_megabytes * 1_000_000
            self._crew.note_memory(worker, memory[worker.plan.name], limit_bytes)
        if self._crew.is_ready:
            self._service.tell(summary_of(status))
            if self._observer.flow.flows and all(worker.is_healthy() for worker in self._crew.essential):
                self._service.alive()

    def _observe(self) -> DaemonStatus:
        counters = {**self._control.counts, **self._reports.counts, **self._commands.counts}
        status = self._observer.observe(self._house.settings, self._crew, self._house.rings, counters)
        self._observer.write(self._house.settings.runtime_folder, status)
        return status

    def _stop(self) -> None:
        self._observer.state = "stopping"
        self._service.stopping()
        signal = self._signals.stop
        self._outgoing.notice("daemon.stopping", actor="signal" if signal else "daemon")
        self._observe()
        self._crew.stop_all()
        (self._house.settings.runtime_folder / FILE_NAME).unlink(missing_ok=True)
