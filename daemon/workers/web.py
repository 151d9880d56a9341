"""The web worker: `/metrics`, `/health` and `/status` over HTTP. All it knows is what the supervisor's status says."""

import asyncio
import ipaddress
import logging
import os
import sys
import threading
import time
from http import HTTPStatus
from pathlib import Path

import msgspec
import zmq

from config import DeconvIDError
from daemon.exits import EXIT_ENDED, EXIT_FAILURE
from daemon.heartbeat import Heartbeat
from daemon.operations.health import health_of
from daemon.operations.http import Answer, HttpServer
from daemon.operations.metrics import CONTENT_TYPE, render_metrics
from daemon.operations.reporter import Reporter
from daemon.operations.status import DaemonStatus, NoStatusError, read_status
from daemon.workers.logs import set_up_worker_logging
from daemon.workers.task import WebTask, read_task, stop_on_sigterm

logger = logging.getLogger(__name__)

BEAT_S = 0.25
RETRY_S = 2.0
"""Between two tries to listen."""


class WebWorker:
    """Listens as soon as it can; that somebody else has the port is no reason to end."""

    def __init__(self, task: WebTask, heartbeat: Heartbeat, reporter: Reporter) -> None:
        self._task, self._heartbeat, self._reporter = task, heartbeat, reporter
        self._runtime = Path(task.runtime)
        self._fault = ""
        self._retry_s = 0.0
        pages = {"/metrics": self._metrics, "/health": self._health, "/status": self._status}
        self._server = HttpServer(pages, local_only=ipaddress.ip_address(task.host).is_loopback)

    async def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._heartbeat.beat()
            if not self._server.port and time.monotonic() >= self._retry_s:
                await self._listen()
            self._reporter.report(
                counters={"requests": self._server.answered},
                gauges={"listening": float(bool(self._server.port))},
                ill=self._fault,
            )
            await asyncio.sleep(BEAT_S)
        await self._server.close()

    async def _listen(self) -> None:
        self._retry_s = time.monotonic() + RETRY_S
        address = f"{self._task.host} port {self._task.port}"
        try:
            await self._server.open(self._task.host, self._task.port)
        except OSError as error:
            cause = os.strerror(error.errno) if error.errno else str(error)  # asyncio's own text repeats the address
            fault = f"{address}: {cause}. Stop what listens there, or set web.listen to another port"
            if fault != self._fault:
                logger.warning("web_cannot_listen cause=%s", fault)
            self._fault = fault
        else:
            self._fault = ""
            logger.info("web_listening address=%s", address)

    def _read(self) -> DaemonStatus | None:
        try:
            return read_status(self._runtime)
        except (NoStatusError, PermissionError):
            return None

    def _metrics(self) -> Answer:
        return Answer(HTTPStatus.OK, CONTENT_TYPE, render_metrics(self._read(), time.time_ns()))

    def _health(self) -> Answer:
        health = health_of(self._read(), time.time_ns())
        return _json(HTTPStatus.OK if health.healthy else HTTPStatus.SERVICE_UNAVAILABLE, health)

    def _status(self) -> Answer:
        if status := self._read():
            return _json(HTTPStatus.OK, status)
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "the supervisor has written no status that can be read"})


def _json(status: HTTPStatus, content: object) -> Answer:
    return Answer(status, "application/json", msgspec.json.encode(content) + b"\n")


def main() -> int:
    stop = stop_on_sigterm()
    task = read_task(WebTask)
    set_up_worker_logging("web")
    try:
        heartbeat = Heartbeat.open(Path(task.heartbeat))
        with zmq.Context() as context, Reporter(context, task.reports, "web") as reporter:
            asyncio.run(WebWorker(task, heartbeat, reporter).run(stop))
    except DeconvIDError as error:
        logger.error("web_failed cause=%s", error)
        return EXIT_FAILURE
    return EXIT_ENDED


if __name__ == "__main__":
    sys.exit(main())
