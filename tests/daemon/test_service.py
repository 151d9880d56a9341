import socket

import pytest

from daemon.service import LONGEST_START_S, Service


class Manager:
    """A service manager's end of the notify protocol."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        messages = []
        try:
            while True:
                messages.append(self._socket.recv(4096).decode())
        except BlockingIOError:
            return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.close()


@pytest.fixture
def clock():
    return Clock()


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_slow_start_asks_for_time_but_not_for_ever(manager, clock):
    service = Service(clock)
    for _ in range(30):
        clock.now_s += 0.1
        service.ask_for_time()
    assert manager.heard() == ["EXTEND_TIMEOUT_USEC=15000000"] * 3
    clock.now_s += LONGEST_START_S
    service.ask_for_time()
    assert manager.heard() == []


def test_the_watchdog_is_fed_once_a_second(manager, clock):
    service = Service(clock)
    for _ in range(25):
        clock.now_s += 0.1
        service.alive()
    assert manager.heard() == ["WATCHDOG=1"] * 3


def test_figures_are_told_each_five_seconds(manager, clock):
    service = Service(clock)
    for second in range(11):
        clock.now_s += 1
        service.tell(f"{second} looks/s")
    assert manager.heard() == ["STATUS=0 looks/s", "STATUS=5 looks/s", "STATUS=10 looks/s"]


def test_a_reload_has_a_beginning_and_an_end(manager):
    service = Service()
    service.reloading()
    service.ready()
    begin, end = manager.heard()
    assert begin.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert begin.rpartition("=")[2].isdigit()
    assert end == "READY=1"
