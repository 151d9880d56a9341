"""A real MQTT broker on loopback: Debian's mosquitto."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
REASON = "needs apt-get install --no-install-recommends mosquitto"
PATIENCE_S = 10.0


class Broker:
    """A process; `kill` and `start` again keep its port. It remembers nothing over a restart."""

    def __init__(self, folder: Path, lines: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._config = folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""  # else it changes to one who may not read its files
        self._config.write_text(f"{user}listener {self.port} 127.0.0.1\n{lines}\n")
        self.start()

    def start(self) -> None:
        assert MOSQUITTO
        self._process = subprocess.Popen([MOSQUITTO, "-c", self._config], stderr=subprocess.DEVNULL)
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        pytest.fail("mosquitto does not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Its connections stay open, nothing comes."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """`broker(lines)` starts one with these lines of configuration. Skips where mosquitto is missing; not in CI."""
    if MOSQUITTO is None:
        if os.environ.get("CI") == "true":
            pytest.fail(REASON)
        pytest.skip(REASON)
    brokers: list[Broker] = []

    def start(lines: str = "allow_anonymous true") -> Broker:
        brokers.append(Broker(tmp_path, lines))
        return brokers[-1]

    yield start
    for running in brokers:
        running.thaw()
        running.kill()
