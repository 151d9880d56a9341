import json
import stat
import threading
from pathlib import Path

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.operations.control import LARGEST_REQUEST, Answer, ControlSocket, NoAnswerError, Request, ask


@pytest.fixture
def endpoint(tmp_path):
    return f"ipc://{tmp_path}/control"


@pytest.fixture
def context():
    with zmq.Context() as context:
        yield context


@pytest.fixture
def control(context, endpoint):
    with ControlSocket(context, endpoint) as control:
        yield control


@pytest.fixture
def client(context, endpoint, control):
    with context.socket(zmq.DEALER) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.connect(endpoint)
        yield client


def serve_one(control: ControlSocket) -> list[Request]:
    taken: list[Request] = []

    def handle(request: Request) -> Answer:
        taken.append(request)
        return Answer(True, "done")

    if control.socket.poll(1000):
        control.serve(handle)
    return taken


def test_a_request_is_answered(control, endpoint):
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ask(endpoint, Request("pause", "door", "local:0"), 5)))
    asking.start()
    assert serve_one(control) == [Request("pause", "door", "local:0")]
    asking.join()
    assert answers == [Answer(True, "done")]


def test_an_answer_may_come_later_and_others_do_not_wait_for_it(control, client):
    answers = iter([None, None, Answer(True, "at last")])
    client.send(b'{"command":"name_stranger"}')
    assert control.socket.poll(1000)
    control.serve(lambda request: lambda: next(answers))
    client.send(b'{"command":"status"}')
    assert serve_one(control) == [Request("status")]
    assert json.loads(client.recv())["message"] == "done"
    control.serve(lambda request: Answer(False, "nobody asks"))
    assert not client.poll(0)
    control.serve(lambda request: Answer(False, "nobody asks"))
    assert json.loads(client.recv())["message"] == "at last"


def test_only_the_owner_can_connect(control, endpoint):
    assert stat.S_IMODE(Path(endpoint.removeprefix("ipc://")).stat().st_mode) == 0o600


def test_nobody_waits_for_a_daemon_that_is_not_there(endpoint):
    with pytest.raises(NoAnswerError, match="does not answer"):
        ask(endpoint, Request("status"), 0.05)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe", b"[" * 4000, b"{}", b'{"command":"explode"}', b'{"command":"pause","camera":7}',
     json.dumps({"command": "pause", "camera": "x" * 129}).encode(), b'{"command":"status","shell":"rm"}'],
)  # fmt: skip
def test_what_is_no_request_is_refused_and_counted(control, client, data):
    client.send(data)
    assert serve_one(control) == []
    assert client.poll(1000)
    assert json.loads(client.recv())["ok"] is False
    assert control.counts["bad_requests"] == 1


def test_who_sends_too_much_is_cut_off(control, client):
    client.send(b"x" * (LARGEST_REQUEST + 1))
    assert serve_one(control) == []
    client.send(b'{"command":"status"}')
    assert serve_one(control) == [Request("status")]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_no_bytes_do_any_harm(control, client, frames):
    client.send_multipart(frames)
    control.socket.poll(1000)
    control.serve(lambda request: Answer(True, ""))
    while client.poll(0):
        client.recv_multipart()
