"""Real worker processes, started as the supervisor starts them."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from daemon.heartbeat import Heartbeat

Worker = subprocess.Popen[bytes]
Start = Callable[[msgspec.Struct], Worker]


@contextmanager
def worker_processes(module: str, heartbeat: Path) -> Iterator[Start]:
    """Yields `start(task)`; what it started is killed at the end. All share the heartbeat that their tasks name."""
    workers: list[Worker] = []

    def start(task: msgspec.Struct) -> Worker:
        worker = subprocess.Popen([sys.executable, "-m", module], stdin=subprocess.PIPE)
        workers.append(worker)
        assert worker.stdin
        worker.stdin.write(msgspec.json.encode(task) + b"\n")
        worker.stdin.flush()
        return worker

    with closing(Heartbeat.create(heartbeat)):
        try:
            yield start
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
                assert worker.stdin
                worker.stdin.close()
