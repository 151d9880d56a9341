"""TLS before a server that has none, such as the simulated camera: an rtsps camera."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

from rig.certificates import Certificate


class _Connection(BaseRequestHandler):
    server: "_Front"

    def handle(self) -> None:
        # Whoever does not like the certificate goes; either side may go at any time.
        with (
            suppress(OSError),
            self.server.tls.wrap_socket(self.request, server_side=True) as outer,
            socket.create_connection(("127.0.0.1", self.server.behind)) as inner,
        ):
            back = Thread(target=_pass_on, args=(inner, outer))
            back.start()
            _pass_on(outer, inner)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for side in (source, target):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


class _Front(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, behind: int, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.behind, self.tls = behind, tls


@contextmanager
def tls_front(behind: int, certificate: Certificate) -> Iterator[int]:
    """Serves what listens on a port of loopback, with TLS; gives the port."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.chain, certificate.key)
    with _Front(behind, tls) as front:
        Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            yield int(front.server_address[1])
        finally:
            front.shutdown()
