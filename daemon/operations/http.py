"""A small HTTP server for machines that look on: GET only, one answer a connection, every resource bounded."""

import asyncio
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

MOST_CONNECTIONS = 64
"""At a time; one more is closed unanswered."""
LONGEST_HEAD = 8192
"""Bytes of a request."""
PATIENCE_S = 5.0

CHALLENGES = {
    HTTPStatus.BAD_REQUEST: "this is not an HTTP request",
    HTTPStatus.REQUEST_TIMEOUT: "the request did not come in time",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: f"the request has more than {LONGEST_HEAD} bytes",
    HTTPStatus.METHOD_NOT_ALLOWED: "only GET and HEAD are answered",
    HTTPStatus.MISDIRECTED_REQUEST: "ask for an IP address or for localhost",
}


@dataclass(frozen=True, slots=True)
class Answer:
    status: HTTPStatus
    content_type: str
    body: bytes


Page = Callable[[], Answer]


class HttpServer:
    """Answers each path by its page; `open` binds, `close` ends every connection.

    Args:
        pages: by path, such as `/metrics`.
        local_only: whether a request must name an IP address or localhost as its host. Else a web page could have the
            browser of somebody at this machine read the answers, under a name that it lets point to 127.0.0.1.
        patience_s: for a request, and as long again for its answer, however slowly either trickles.
    """

    def __init__(self, pages: Mapping[str, Page], local_only: bool, patience_s: float = PATIENCE_S) -> None:
        self._pages, self._local_only, self._patience_s = pages, local_only, patience_s
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.answered = 0

    async def open(self, host: str, port: int) -> Self:
        """Raises OSError: the address cannot be bound."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=LONGEST_HEAD)
        return self

    @property
    def port(self) -> int:
        """The port that was bound; 0 if none is."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server and self._server.sockets else 0

    async def close(self) -> None:
        if self._server:
            self._server.close()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        connection = asyncio.create_task(self._converse(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Nothing of an answer may lie here unsent: only then does the time-out hold for a client that never reads.
        writer.transport.set_write_buffer_limits(0)
        try:
            async with asyncio.timeout(2 * self._patience_s):
                writer.write(await self._answer(reader))
                await writer.drain()
            self.answered += 1
            writer.close()
        except (TimeoutError, ConnectionError):
            pass
        finally:
            if not writer.is_closing():
                writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(self._patience_s):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return _challenge(HTTPStatus.REQUEST_TIMEOUT)
        except asyncio.LimitOverrunError:
            return _challenge(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        except asyncio.IncompleteReadError:
            return _challenge(HTTPStatus.BAD_REQUEST)
        return self._reply(head.decode("latin-1"))

    def _reply(self, head: str) -> bytes:
        request, *headers = head.split("\r\n")
        words = request.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _challenge(HTTPStatus.BAD_REQUEST)
        method, target, _ = words
        if method not in ("GET", "HEAD"):
            return _challenge(HTTPStatus.METHOD_NOT_ALLOWED)
        if self._local_only and not all(map(_is_local, headers)):
            return _challenge(HTTPStatus.MISDIRECTED_REQUEST)
        page = self._pages.get(target.partition("?")[0])
        answer = page() if page else _missing(self._pages)
        return _encode(answer, with_body=method == "GET")


def _is_local(header: str) -> bool:
    """Whether it is no `Host`, or one that no stranger can have made up a name for."""
    name, _, value = header.partition(":")
    if name.strip().lower() != "host":
        return True
    host = value.strip()
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if host.lower() == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _missing(pages: Mapping[str, Page]) -> Answer:
    text = f"there are {', '.join(pages)}\n"
    return Answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", text.encode())


def _challenge(status: HTTPStatus) -> bytes:
    return _encode(Answer(status, "text/plain; charset=utf-8", f"{CHALLENGES[status]}\n".encode()), with_body=True)


def _encode(answer: Answer, with_body: bool) -> bytes:
    lines = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (answer.body if with_body else b"")
