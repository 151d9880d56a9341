"""The bus worker: tells what is in the store, and answers requests."""

import logging
import os
import sys
import threading
from contextlib import ExitStack, closing
from pathlib import Path

import zmq

from daemon.errors import StoreError
from daemon.events.allow_list import AllowList
from daemon.events.bus import EventBus
from daemon.events.control import ControlDesk
from daemon.events.cursor import CursorFile
from daemon.events.errors import EventBusError
from daemon.events.keys import KeyFolder
from daemon.events.network import CostlyClientsError, NetworkBus
from daemon.exits import EXIT_CANNOT_BOOT, EXIT_ENDED, EXIT_FAILURE
from daemon.heartbeat import Heartbeat
from daemon.operations.reporter import Reporter
from daemon.store import Store, StoreUnusableError
from daemon.workers.logs import set_up_worker_logging
from daemon.workers.task import BusTask, read_task, stop_on_sigterm

logger = logging.getLogger(__name__)

WAIT_MS = 100
"""Longest wait for something to do before the heartbeat."""


def main() -> int:
    stop = stop_on_sigterm()
    task = read_task(BusTask)
    set_up_worker_logging("bus")
    try:
        with closing(Heartbeat.open(Path(task.heartbeat))) as heartbeat, zmq.Context() as context:
            _serve(task, stop, heartbeat, context)
    except StoreUnusableError as error:
        logger.error("bus_cannot_go_on cause='%s'", error)
        return EXIT_CANNOT_BOOT
    except (StoreError, EventBusError) as error:  # a port that is taken may be free later
        logger.error("bus_cannot_start cause='%s'", error)
        return EXIT_FAILURE
    return EXIT_ENDED


def _serve(
    task: BusTask, stop: threading.Event, heartbeat: Heartbeat, context: "zmq.Context[zmq.Socket[bytes]]"
) -> None:
    allow_list = AllowList(KeyFolder(Path(task.network.keys))) if task.network and task.network.keys else None
    control = ControlDesk(context, control=task.control, observations=task.observations, allow_list=allow_list)
    with (
        closing(control),
        Store.open_to_read(Path(task.database), url=task.database_url) as store,
        EventBus(store, CursorFile(Path(task.cursor), store.epoch), task.format, {"control": control.handle}) as bus,
        Reporter(context, task.reports, "bus") as reporter,
        ExitStack() as undo,
    ):
        bus.poller.register(control.socket, zmq.POLLIN)
        network = None
        if task.network:
            network = NetworkBus(
                context,
                events=task.network.events,
                requests=task.network.requests,
                allow_list=allow_list,
                poller=bus.poller,
            )
            undo.enter_context(closing(network))
        bus.open(context, events=task.events, requests=task.requests, stored=task.stored, network=network)
        logger.info("bus_ready told=%d", bus.told)
        while not stop.is_set():
            heartbeat.beat()
            bus.turn(WAIT_MS)
            control.tend()
            if network:
                _tend(network)
            reporter.report(
                counters=bus.counts + control.counts, gauges={"behind": bus.behind, "newest_sequence": bus.told}
            )
        bus.finish()


def _tend(network: NetworkBus) -> None:
    try:
        network.tend()
    except CostlyClientsError as error:
        logger.error("bus_starts_anew cause='%s'", error)
        os._exit(EXIT_FAILURE)  # to close its sockets, libzmq would wait for the rest of a message without end


if __name__ == "__main__":
    sys.exit(main())
