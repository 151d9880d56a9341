"""A camera that speaks RTSP, and says nonsense: any SDP, any bytes where pictures should be."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count
from random import Random
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

VIDEO_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
)
AUDIO_SDP = VIDEO_SDP.replace("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000", "m=audio 0 RTP/AVP 8")
METHODS = b"Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
SETUP = b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"

Packets = Callable[[], Iterator[bytes]]


def rtp(payload: bytes, sequence: int, *, kind: int = 96, channel: int = 0) -> bytes:
    """Returns an RTP packet as it travels in an RTSP connection."""
    packet = struct.pack("!BBHII", 0x80, 0x80 | kind, sequence & 0xFFFF, sequence * 6000, 7) + payload
    return struct.pack("!cBH", b"$", channel, len(packet)) + packet


def silence() -> Iterator[bytes]:
    """Packets of G.711 A-law."""
    return (rtp(b"\xd5" * 160, number, kind=8) for number in count())


def garbage(seed: int = 1) -> Iterator[bytes]:
    """RTP whose payloads are noise, and now and then noise that is no RTP at all."""
    random = Random(seed)
    for number in count():
        noise = random.randbytes(random.randrange(1400))
        yield rtp(noise, number) if number % 50 else noise


class _Connection(StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        # The other side may go at any time.
        with suppress(OSError):
            while request := self._request():
                self._answer(*request)

    def _request(self) -> tuple[str, str] | None:
        """Returns the method and the sequence number of the next request."""
        lines = list(iter(lambda: self.rfile.readline().decode("latin-1").strip(), ""))
        if not lines:
            return None
        numbers = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("cseq:")]
        return lines[0].split()[0], numbers[0] if numbers else "0"

    def _answer(self, method: str, number: str) -> None:
        headers, body = {"OPTIONS": METHODS, "SETUP": SETUP}.get(method, b"Session: 1\r\n"), b""
        if method == "DESCRIBE":
            body = self.server.sdp
            headers = b"Content-Type: application/sdp\r\nContent-Length: %d\r\n" % len(body)
        self.wfile.write(b"RTSP/1.0 200 OK\r\nCSeq: %s\r\n%s\r\n%s" % (number.encode(), headers, body))
        if method == "PLAY":
            for packet in self.server.packets():
                self.wfile.write(packet)


class _Chatter(StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        with suppress(OSError):
            for packet in self.server.packets():
                self.wfile.write(packet)
            while self.rfile.read1():
                pass


class _Server(ThreadingTCPServer):
    def __init__(self, handler: type[StreamRequestHandler], sdp: bytes, packets: Packets) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.sdp, self.packets = sdp, packets
        self._clients: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        client, address = super().get_request()
        self._clients.append(client)
        return client, address

    def hang_up(self) -> None:
        self.shutdown()
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


@contextmanager
def _serve(handler: type[StreamRequestHandler], sdp: bytes, packets: Packets) -> Iterator[str]:
    with _Server(handler, sdp, packets) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            yield f"rtsp://127.0.0.1:{server.server_address[1]}/cam"
        finally:
            server.hang_up()


def hostile_camera(sdp: str | bytes, packets: Packets = lambda: iter(())) -> AbstractContextManager[str]:
    """Serves the SDP, and after PLAY the packets as fast as they are taken; gives the address."""
    return _serve(_Connection, sdp.encode() if isinstance(sdp, str) else sdp, packets)


def chattering_server(answer: bytes) -> AbstractContextManager[str]:
    """Sends these bytes to whoever connects, whatever it says, and then nothing; gives the address."""
    return _serve(_Chatter, b"", lambda: iter([answer]))
