import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from rig.certificates import Certificate

from config import WebhookSettings
from daemon.bridges.transport import Parcel, RefusedError, UnreachableError
from daemon.bridges.webhook import Webhook, signature

KEY = "a key of some length"
PARCEL = Parcel("epoch-7", 7, "face.unknown", "door", b'{"id":"epoch-7"}')


class Receiver(ThreadingHTTPServer):
    """A web server on loopback whose answer is set."""

    def __init__(self, certificate: Certificate | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._scheme = "https" if certificate else "http"
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate.chain, certificate.key)
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = status(200)
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.server_port}/hook?token=hunter2"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        self.server.answer(self)

    def log_message(self, *_: object) -> None:
        pass


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def dribble(handler: BaseHTTPRequestHandler) -> None:
    """Sends a byte now and then, for ever."""
    try:
        for _ in range(200):
            handler.wfile.write(b"H")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
        receiver.shutdown()


def hook(url: str, **settings: object) -> Webhook:
    return Webhook(WebhookSettings.model_validate({"kind": "webhook", "url": url, "secret": KEY, **settings}))


def test_event_is_posted_with_its_id_and_a_signature_of_its_time(receiver: Receiver) -> None:
    hook(receiver.url).deliver([PARCEL], [])
    [(path, headers, body)] = receiver.requests
    assert (path, body) == ("/hook?token=hunter2", PARCEL.body)
    assert headers["Idempotency-Key"] == "epoch-7"
    stamp = int(headers["DeconvID-Signature"].split(",")[0].removeprefix("t="))
    assert abs(stamp - time.time()) < 5
    assert headers["DeconvID-Signature"] == signature(KEY, stamp, body)


def test_without_a_key_nothing_is_signed(receiver: Receiver) -> None:
    hook(receiver.url, secret=None).deliver([PARCEL], [])
    assert "DeconvID-Signature" not in receiver.requests[0][1]


@pytest.mark.parametrize("code", [400, 401, 404, 410, 422, 301, 302])
def test_answer_that_will_not_change_is_a_refusal(receiver: Receiver, code: int) -> None:
    receiver.answer = status(code, Location="http://127.0.0.1:1/")
    with pytest.raises(RefusedError, match=str(code)):
        hook(receiver.url).deliver([PARCEL], [])
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503])
def test_answer_that_may_change_is_worth_another_try(receiver: Receiver, code: int) -> None:
    receiver.answer = status(code, Retry_After="17")
    with pytest.raises(UnreachableError, match=str(code)) as caught:
        hook(receiver.url).deliver([PARCEL], [])
    assert caught.value.retry_after_s == 17


@pytest.mark.parametrize("answer", [dribble, lambda handler: time.sleep(3)], ids=["dribbles", "silent"])
def test_delivery_ends_in_time_whatever_the_server_does(receiver: Receiver, answer: Callable) -> None:
    receiver.answer = answer
    start = time.monotonic()
    with pytest.raises(UnreachableError) as caught:
        hook(receiver.url, timeout_s=0.5).deliver([PARCEL], [])
    assert time.monotonic() - start < 1.5
    assert "hunter2" not in str(caught.value)


def test_nobody_listens(receiver: Receiver) -> None:
    receiver.shutdown()
    receiver.server_close()
    with pytest.raises(UnreachableError, match=f"^127.0.0.1:{receiver.server_port}: Connection refused") as caught:
        hook(receiver.url).deliver([PARCEL], [])
    assert "hunter2" not in str(caught.value)


def test_garbage_for_an_answer(receiver: Receiver) -> None:
    receiver.answer = lambda handler: handler.wfile.write(b"\0" * 70_000 + b"\r\n")
    with pytest.raises(UnreachableError):
        hook(receiver.url).deliver([PARCEL], [])


def test_unencrypted_server_behind_https(receiver: Receiver) -> None:
    with pytest.raises(UnreachableError):
        hook(receiver.url.replace("http:", "https:"), timeout_s=1).deliver([PARCEL], [])


def test_test_says_what_was_answered(receiver: Receiver) -> None:
    assert hook(receiver.url).test() == f"127.0.0.1:{receiver.server_port} answered 200"
    assert json.loads(receiver.requests[0][2]) == {"version": 1, "test": True}


def test_encrypted_server_of_a_private_authority(certify: Callable[..., Certificate]) -> None:
    certificate = certify("127.0.0.1")
    with Receiver(certificate) as receiver:
        hook(receiver.url, ca_file=certificate.authority).deliver([PARCEL], [])
        receiver.shutdown()
    assert [body for _, _, body in receiver.requests] == [PARCEL.body]


@pytest.mark.parametrize(
    ("host", "authority"),
    [("127.0.0.1", "another"), ("127.0.0.1", "none"), ("elsewhere.example", "its own")],
)
def test_server_with_a_wrong_certificate_gets_nothing(
    certify: Callable[..., Certificate], host: str, authority: str
) -> None:
    certificate = certify(host)
    trusted = {"another": certify(host).authority, "none": None, "its own": certificate.authority}[authority]
    with Receiver(certificate) as receiver:
        receiver.handle_error = lambda *_: None  # type: ignore[method-assign]  # the hand that is refused
        with pytest.raises(UnreachableError, match="certificate is not trusted") as caught:
            hook(receiver.url, ca_file=trusted).deliver([PARCEL], [])
        receiver.shutdown()
    assert receiver.requests == []
    assert "hunter2" not in str(caught.value)
