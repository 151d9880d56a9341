"""HTTP POST, signed, one event at a time."""

import hashlib
import hmac
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

import msgspec

from config import WebhookSettings
from daemon.bridges.transport import Parcel, RefusedError, UnreachableError, untrusted
from daemon.rules import Sighting

SIGNATURE = "DeconvID-Signature"
IDEMPOTENCY = "Idempotency-Key"
LATER = frozenset({408, 425, 429})
"""Of the answers that blame the request, those that are worth another try."""
LONGEST_RETRY_AFTER_S = 3600.0


def signature(key: str, now_s: int, body: bytes) -> str:
    """Returns the header that shows who wrote a body, and when: the time is signed too, against replays.

    >>> signature("k" * 16, 1, b"{}")[:11]
    't=1,v1=f176'
    """
    digest = hmac.new(key.encode(), f"{now_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now_s},v1={digest}"


class Webhook:
    """Each event has a connection of its own: a kept one may have been closed by the other side meanwhile, which looks
    like a failure. Redirects are not followed: what is posted is for this address."""

    most_at_once = 1

    def __init__(self, settings: WebhookSettings, clock: Callable[[], float] = time.time) -> None:
        """Args: clock: seconds since 1970, for the signature."""
        self._settings, self._clock = settings, clock
        parts = urlsplit(settings.url.get_secret_value())
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname or "", parts.port
        self._address = f"{self._host}:{self._port or (443 if self._secure else 80)}"
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def keep_up(self) -> None:
        """A web server is asked when there is something to tell."""

    def deliver(self, parcels: Sequence[Parcel], seen: Sequence[Sighting]) -> None:
        for parcel in parcels:
            self._post(parcel.id, parcel.body)

    def test(self) -> str:
        # A fresh id each time: a receiver that keeps to them would pass over the second test.
        status = self._post(f"test-{time.time_ns()}", msgspec.json.encode({"version": 1, "test": True}))
        return f"{self._address} answered {status}"

    def close(self) -> None:
        pass

    def _post(self, id: str, body: bytes) -> int:
        headers = {"Content-Type": "application/json", "User-Agent": "DeconvID", "Connection": "close", IDEMPOTENCY: id}
        if self._settings.secret:
            headers[SIGNATURE] = signature(self._settings.secret.get_secret_value(), int(self._clock()), body)
        try:
            with closing(self._connect()) as connection, self._in_time(connection):
                connection.request("POST", self._target, body, headers)
                with connection.getresponse() as answer:
                    status, retry_after = answer.status, answer.getheader("Retry-After", "")
        except (OSError, HTTPException, ValueError) as error:
            raise UnreachableError(f"{self._address}: {_cause(error)}") from error
        return self._judge(status, retry_after)

    def _judge(self, status: int, retry_after: str) -> int:
        if 200 <= status < 300:
            return status
        if status >= 500 or status in LATER:
            wait_s = min(float(retry_after), LONGEST_RETRY_AFTER_S) if retry_after.isdecimal() else 0.0
            raise UnreachableError(f"{self._address} answered {status}", wait_s)
        raise RefusedError(f"{self._address} answered {status}")

    @contextmanager
    def _in_time(self, connection: HTTPConnection) -> Iterator[None]:
        """Connects, and hangs up once the time is over.

        A socket's own time-out begins anew with every byte: who sends one now and then could hold us for ever.
        """
        connection.connect()
        over = threading.Timer(self._settings.timeout_s, _hang_up, [connection.sock])
        over.daemon = True
        over.start()
        try:
            yield
        finally:
            over.cancel()

    def _connect(self) -> HTTPConnection:
        timeout_s, ca_file = self._settings.timeout_s, self._settings.ca_file
        if not self._secure:
            return HTTPConnection(self._host, self._port, timeout=timeout_s)
        tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        return HTTPSConnection(self._host, self._port, timeout=timeout_s, context=tls)


def _hang_up(connected: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)  # SSLSocket's own would pull the session from the reader


def _cause(error: Exception) -> str:
    """Returns what went wrong without the address, which may hold a token."""
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return untrusted(error)
    return (error.strerror if isinstance(error, OSError) else None) or f"hung up ({type(error).__name__})"
