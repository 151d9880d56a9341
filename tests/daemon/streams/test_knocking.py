import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest

from daemon.streams.faults import SourceError
from daemon.streams.knocking import KNOCK_S, PATIENCE_S, Knocker


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        yield listener


@pytest.fixture
def silent(listener) -> Iterator[socket.socket]:
    """Its queue of connections is full: the kernel answers no further one, as a host that is off."""
    queue = [socket.socket() for _ in range(2)]
    for client in queue:
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
    yield listener
    for client in queue:
        client.close()


def knocker_at(listener: socket.socket, **options) -> Knocker:
    return Knocker(f"rtsp://user:secret@127.0.0.1:{listener.getsockname()[1]}/cam", 1.0, **options)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_whoever_listens_is_found_at_once_and_left_alone(listener):
    started = time.monotonic()
    knocker_at(listener).knock()
    assert time.monotonic() - started < KNOCK_S
    connection, _ = listener.accept()
    with connection:
        assert connection.recv(1) == b""


class SocketWithoutIPv6(socket.socket):
    def __init__(self, family: int = socket.AF_INET, *arguments: int) -> None:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        super().__init__(family, *arguments)


def test_a_family_that_the_kernel_has_not_hides_no_other(listener, monkeypatch):
    port = listener.getsockname()[1]
    addresses = [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]
    knocker = knocker_at(listener)
    monkeypatch.setattr(knocker._name, "addresses", lambda: addresses)
    monkeypatch.setattr(socket, "socket", SocketWithoutIPv6)
    knocker.knock()
    del addresses[1]
    with pytest.raises(SourceError, match="address family not supported"):
        knocker.knock()


def test_a_refused_knock_is_told_at_once(listener):
    knocker = knocker_at(listener)
    listener.close()
    started = time.monotonic()
    with pytest.raises(SourceError, match="nothing listens") as fault:
        knocker.knock()
    assert time.monotonic() - started < KNOCK_S
    assert fault.value.away
    assert "secret" not in str(fault.value)


def test_whoever_is_silent_is_not_waited_for_long(silent):
    with closing(knocker_at(silent)) as knocker:
        started = time.monotonic()
        with pytest.raises(SourceError, match="no answer") as fault:
            knocker.knock()
        assert time.monotonic() - started < 2 * KNOCK_S
        assert fault.value.away


def test_an_answer_to_an_earlier_knock_counts(silent):
    with closing(knocker_at(silent)) as knocker:
        with pytest.raises(SourceError):
            knocker.knock()
        for _ in range(2):
            silent.accept()[0].close()
        knocker.knock()


def test_a_dead_camera_holds_a_few_sockets_and_no_thread(silent):
    # A clock on which a knock is over as soon as it is looked at.
    ticks = count(step=KNOCK_S)
    before, threads = open_files(), threading.active_count()
    with closing(knocker_at(silent, clock=lambda: next(ticks))) as knocker:
        held = []
        for _ in range(50):
            with pytest.raises(SourceError):
                knocker.knock()
            held.append(open_files() - before)
        assert max(held) <= PATIENCE_S / KNOCK_S + 1
    assert open_files() == before
    assert threading.active_count() <= threads + 1  # the look-up


def test_a_host_without_a_way_to_it_is_away():
    # The discard-only prefix of RFC 6666.
    with closing(Knocker("rtsp://[100::1]/cam", 1.0)) as knocker, pytest.raises(SourceError) as fault:
        knocker.knock()
    assert fault.value.away


def test_150_dead_cameras_cost_a_few_hundredths_of_a_core(listener):
    knockers = [knocker_at(listener) for _ in range(150)]
    listener.close()
    rounds, before_s = 4, time.process_time()
    for _ in range(rounds):
        for knocker in knockers:
            with pytest.raises(SourceError):
                knocker.knock()
    cost = (time.process_time() - before_s) / rounds / KNOCK_S
    assert cost < 0.1
