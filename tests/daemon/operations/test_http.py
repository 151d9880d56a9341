"""Against real sockets: what a client may do to it, and what it costs."""

import asyncio
import http.client
import queue
import socket
import threading
import time
from contextlib import ExitStack, suppress
from http import HTTPStatus

import pytest

from daemon.operations.http import LONGEST_HEAD, MOST_CONNECTIONS, Answer, HttpServer

BIG = b"x" * 20_000_000
"""More than the buffers of a loopback connection."""


@pytest.fixture
def serve():
    """`serve(patience_s)` starts a server and returns its port."""
    end, threads = threading.Event(), []

    def start(patience_s):
        opened = queue.Queue()
        threads.append(threading.Thread(target=asyncio.run, args=(run(opened, patience_s),)))
        threads[-1].start()
        return opened.get(timeout=5)

    async def run(opened, patience_s):
        pages = {
            "/page": lambda: Answer(HTTPStatus.OK, "text/plain", b"hello"),
            "/big": lambda: Answer(HTTPStatus.OK, "text/plain", BIG),
        }
        server = await HttpServer(pages, local_only=True, patience_s=patience_s).open("127.0.0.1", 0)
        opened.put(server.port)
        while not end.is_set():
            await asyncio.sleep(0.01)
        await server.close()

    yield start
    end.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def port(serve):
    return serve(30)


def get(port, path="/page", method="GET", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def read_to_end(client):
    answer = b""
    with suppress(ConnectionError):
        while part := client.recv(1 << 20):
            answer += part
    return answer


def send(port, data):
    """Whatever comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client, suppress(ConnectionError):
        client.sendall(data)
        return read_to_end(client)
    return b""


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


def test_a_request_that_trickles_is_ended_in_time(serve):
    port = serve(0.3)
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


def test_a_client_that_never_reads_is_let_go(serve):
    with socket.create_connection(("127.0.0.1", serve(0.3)), timeout=5) as client:
        client.sendall(b"GET /big HTTP/1.1\r\n\r\n")
        time.sleep(1)
        assert len(read_to_end(client)) < len(BIG)


def test_more_connections_than_that_are_refused_and_the_others_end_in_time(serve):
    port = serve(2)
    with ExitStack() as stack:
        clients = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(MOST_CONNECTIONS + 20)]
        for client in clients:
            stack.enter_context(client)
        answers = [read_to_end(client) for client in clients]
    assert answers.count(b"") >= 20
    assert answers[0].startswith(b"HTTP/1.1 408 ")
    assert get(port) == (200, b"hello")
