"""Against real sockets: what a client may do to it, and what it costs."""

import asyncio
import http.client
import socket
import threading
import time
from contextlib import suppress
from http import HTTPStatus

import pytest

from daemon.operations.http import LONGEST_HEAD, MOST_CONNECTIONS, Answer, HttpServer

BIG = b"x" * 20_000_000
"""More than the buffers of a loopback connection."""


@pytest.fixture
def port():
    """A running server that has little patience."""
    pages = {
        "/page": lambda: Answer(HTTPStatus.OK, "text/plain", b"hello"),
        "/big": lambda: Answer(HTTPStatus.OK, "text/plain", BIG),
    }
    opened, end, ports = threading.Event(), threading.Event(), []

    async def run():
        server = await HttpServer(pages, local_only=True, patience_s=0.3).open("127.0.0.1", 0)
        ports.append(server.port)
        opened.set()
        while not end.is_set():
            await asyncio.sleep(0.01)
        await server.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert opened.wait(5)
    yield ports[0]
    end.set()
    thread.join(5)
    assert not thread.is_alive()


def get(port, path="/page", method="GET", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def send(port, data):
    """Whatever comes back for these bytes, until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        try:
            client.sendall(data)
            answer = b""
            while part := client.recv(65536):
                answer += part
        except ConnectionError:
            return b""
    return answer


def test_a_page_is_answered(port):
    assert get(port) == (200, b"hello")
    assert get(port, "/page?x=1") == (200, b"hello")
    assert get(port, method="HEAD") == (200, b"")


def test_what_there_is_not_is_told_with_what_there_is(port):
    assert get(port, "/nothing") == (404, b"there are /page, /big\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed(port, method):
    assert get(port, method=method)[0] == 405


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:80", "localhost", "LOCALHOST:9780", "[::1]:9780"])
def test_who_asks_this_machine_by_address_is_answered(port, host):
    assert get(port, headers={"Host": host})[0] == 200


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:9780", "localhost.attacker.example", ""])
def test_a_web_page_cannot_read_it_under_a_name_of_its_own(port, host):
    assert get(port, headers={"Host": host})[0] == 421


@pytest.mark.parametrize(
    "data",
    [b"\r\n\r\n", b"GET\r\n\r\n", b"GET /page\r\n\r\n", b"GET /page HTTP/2.0\r\n\r\n", b"\xff\x00\x16\x03\r\n\r\n"],
)
def test_what_is_not_http_is_refused(port, data):
    assert send(port, data).startswith(b"HTTP/1.1 400 ")


def test_a_huge_request_is_refused(port):
    assert send(port, b"GET /page HTTP/1.1\r\nX: " + b"a" * LONGEST_HEAD)[:12] in (b"HTTP/1.1 431", b"")
    assert get(port) == (200, b"hello")


def test_a_request_that_trickles_is_ended_in_time(port):
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.setblocking(False)
        while time.monotonic() - started < 3:
            try:
                client.send(b"G")
                if client.recv(100):
                    break
            except BlockingIOError:
                time.sleep(0.05)
    assert 0.2 < time.monotonic() - started < 2


def test_a_client_that_never_reads_is_let_go(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"GET /big HTTP/1.1\r\n\r\n")
        time.sleep(1)
        received = 0
        with suppress(ConnectionError):
            while part := client.recv(1 << 20):
                received += len(part)
    assert received < len(BIG)


def test_silent_connections_are_bounded_and_keep_nobody_out_for_long(port):
    idle = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(MOST_CONNECTIONS + 20)]
    time.sleep(0.1)
    refused = 0
    for client in idle:
        client.settimeout(0.01)
        try:
            refused += client.recv(1) == b""
        except ConnectionResetError:
            refused += 1
        except TimeoutError:
            pass
    assert refused >= 20
    time.sleep(0.4)
    assert get(port) == (200, b"hello")
    for client in idle:
        client.close()
