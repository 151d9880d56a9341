"""A bridge worker: tails the store and delivers what its rules let pass. No bridge waits for another."""

import logging
import sys
import threading
from contextlib import closing
from pathlib import Path

import zmq

from config import DeconvIDError, WebhookSettings
from daemon.bridges.making import dead_letters, make_transport, position_file
from daemon.bridges.relay import Relay
from daemon.bridges.task import BridgeTask
from daemon.events.sockets import connect
from daemon.exits import EXIT_ENDED, EXIT_FAILURE
from daemon.heartbeat import Heartbeat
from daemon.operations.reporter import Reporter
from daemon.rules import RuleBook
from daemon.store import Store
from daemon.workers.logs import set_up_worker_logging
from daemon.workers.task import read_task, stop_on_sigterm

logger = logging.getLogger(__name__)

WAIT_MS = 1000
"""Longest wait for a word that there is something new."""


class BridgeWorker:
    def __init__(self, relay: Relay, heartbeat: Heartbeat, reporter: Reporter, hints: "zmq.Socket[bytes]") -> None:
        self._relay, self._heartbeat, self._reporter, self._hints = relay, heartbeat, reporter, hints

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._heartbeat.beat()
            more = self._relay.turn()
            self._reporter.report(
                counters=self._relay.counts, gauges={"lag": float(self._relay.lag)}, ill=self._relay.ill
            )
            # A socket that only keeps the newest message is emptied by reading it once.
            if not more and self._hints.poll(WAIT_MS):
                self._hints.recv()
        # The writer of events has ended by now: one more look at its last ones.
        self._relay.turn()
        self._relay.finish()


def main() -> int:
    stop = stop_on_sigterm()
    task = read_task(BridgeTask)
    settings = task.bridge_settings()
    set_up_worker_logging(f"bridge-{task.name}", settings.secrets)
    try:
        _serve(task, stop)
    except (DeconvIDError, OSError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        logger.error("bridge_failed bridge=%s cause='%s'", task.name, cause)
        return EXIT_FAILURE
    return EXIT_ENDED


def _serve(task: BridgeTask, stop: threading.Event) -> None:
    bridge, state = task.bridge_settings(), Path(task.state)
    with (
        closing(Heartbeat.open(Path(task.heartbeat))) as heartbeat,
        Store.open_to_read(Path(task.database), url=task.database_url) as store,
        zmq.Context() as context,
        Reporter(context, task.reports, f"bridge-{task.name}") as reporter,
        context.socket(zmq.SUB) as hints,
        closing(make_transport(task.name, bridge, task.cameras, store)) as transport,
    ):
        hints.set(zmq.CONFLATE, 1)
        hints.subscribe(b"")
        connect(hints, task.stored)
        relay = Relay(
            task.name,
            store,
            RuleBook.of(task.rule_settings(), bridge.rules),
            transport,
            position_file(state, task.name),
            dead_letters(state, task.name),
            give_up_after_s=bridge.give_up_after_s if isinstance(bridge, WebhookSettings) else None,
            skip_backlog=bridge.backlog == "skip",
        )
        BridgeWorker(relay, heartbeat, reporter, hints).run(stop)


if __name__ == "__main__":
    sys.exit(main())
