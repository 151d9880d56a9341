from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import zmq

from daemon.events.control import AUDITS_AT_ONCE, MOST_PENDING, PATIENCE_S, ControlDesk
from daemon.events.peers import Peer
from daemon.events.requests import Answer, Request
from daemon.operations.control import Answer as Outcome
from daemon.operations.control import ControlSocket
from daemon.operations.control import Request as Order

ME = Peer("local:7", "local:7:1")
STRANGER = Peer("plain:192.0.2.1", "plain:192.0.2.1")


class House:
    """The desk, and what the supervisor and the identity worker do."""

    def __init__(self, folder: Path, context: zmq.Context) -> None:
        self.now_s = 0.0
        self.supervisor, self.notices = context.socket(zmq.ROUTER), context.socket(zmq.PULL)
        self.supervisor.bind(f"ipc://{folder}/control")
        self.notices.bind(f"ipc://{folder}/observations")
        self.desk = ControlDesk(
            context,
            control=f"ipc://{folder}/control",
            observations=f"ipc://{folder}/observations",
            allow_list=None,
            clock=lambda: self.now_s,
        )
        assert self.desk.socket.poll(5000, zmq.POLLOUT)
        self.answers: list[Answer] = []

    def ask(self, command: str = "status", peer: Peer = ME, **fields: str | bool) -> None:
        body = msgspec.json.encode({"ask": "control", "command": command, **fields})
        self.desk.handle(Request(body, peer), self.answers.append)

    def take(self) -> list[bytes]:
        assert self.supervisor.poll(5000)
        frames: list[bytes] = self.supervisor.recv_multipart()
        return frames

    def settle(self, n: int) -> None:
        while len(self.answers) < n:
            assert self.desk.socket.poll(5000)
            self.desk.tend()

    def close(self) -> None:
        self.desk.close()
        self.supervisor.close(0)
        self.notices.close(0)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with zmq.Context() as context:
        house = House(tmp_path, context)
        yield house
        house.close()


def test_answers_find_those_who_asked_in_any_order(house: House) -> None:
    house.ask("pause", camera="door")
    house.ask("resume", camera="yard")
    first, second = house.take(), house.take()
    assert msgspec.json.decode(first[2], type=Order) == Order("pause", "door", "local:7")
    for frames, message in ((second, "2"), (first, "1")):
        house.supervisor.send_multipart([*frames[:2], msgspec.json.encode({"ok": True, "message": message})])
    house.settle(2)
    assert [answer.header["message"] for answer in house.answers] == ["2", "1"]


def test_the_supervisor_of_the_daemon_understands(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/control"
    with zmq.Context() as context, ControlSocket(context, endpoint) as supervisor:
        desk = ControlDesk(context, control=endpoint, observations=endpoint, allow_list=None)
        assert desk.socket.poll(5000, zmq.POLLOUT)
        answers: list[Answer] = []
        desk.handle(Request(b'{"ask":"control","command":"reload","dry_run":true}', ME), answers.append)
        assert supervisor.socket.poll(5000)
        supervisor.serve(lambda order: Outcome(True, f"{order.command} {order.actor} {order.dry_run}"))
        assert desk.socket.poll(5000)
        desk.tend()
        desk.close()
    assert answers == [Answer({"ok": True, "message": "reload local:7 True"})]


def test_a_silent_supervisor_is_given_up_and_heard_no_more(house: House) -> None:
    house.ask()
    frames = house.take()
    house.now_s = PATIENCE_S - 0.1
    house.desk.tend()
    assert house.answers == []
    house.now_s = PATIENCE_S
    house.desk.tend()
    assert "has not answered" in house.answers[0].header["error"]
    house.supervisor.send_multipart([*frames[:2], b'{"ok":true}'])
    assert house.desk.socket.poll(5000)
    house.desk.tend()
    assert len(house.answers) == 1


def test_no_command_waits_for_a_supervisor_that_is_not_there(tmp_path: Path) -> None:
    with zmq.Context() as context:
        nowhere = f"ipc://{tmp_path}/nowhere"
        desk = ControlDesk(context, control=nowhere, observations=nowhere, allow_list=None)
        answers: list[Answer] = []
        desk.handle(Request(b'{"ask":"control","command":"reload"}', ME), answers.append)
        desk.close()
    assert "cannot be reached" in answers[0].header["error"]


def test_only_so_many_commands_wait(house: House) -> None:
    for _ in range(MOST_PENDING + 1):
        house.ask()
    [answer] = house.answers
    assert "too many commands" in answer.header["error"]


@pytest.mark.parametrize("answer", [b"", b"[]", b"{", b"\xff"])
def test_an_answer_that_makes_no_sense(house: House, answer: bytes) -> None:
    house.ask()
    frames = house.take()
    house.supervisor.send_multipart([*frames[:2], answer])
    house.settle(1)
    assert house.answers[0].header["ok"] is False


@pytest.mark.parametrize(
    "fields",
    [
        {"command": "erase"},
        {"command": "pause", "camera": "../door"},
        {"command": "pause", "camera": "door\n"},
        {"command": "pause", "actor": "local:0"},
    ],
)
def test_what_is_no_command_goes_nowhere(house: House, fields: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        house.ask(**fields)
    assert not house.supervisor.poll(100)


def test_refusals_are_on_record_but_fill_no_store(house: House) -> None:
    for _ in range(AUDITS_AT_ONCE + 30):
        house.ask("reload", STRANGER)
    assert all("without a key" in answer.header["error"] for answer in house.answers)
    recorded = 0
    while house.notices.poll(200):
        house.notices.recv()
        recorded += 1
    assert recorded == AUDITS_AT_ONCE
    assert house.desk.counts["control_refused"] == AUDITS_AT_ONCE + 30


def test_naming_a_stranger_is_handed_on_with_who_asks(house: House) -> None:
    house.ask("name_stranger", stranger="unknown-12", name="Ann", unlike=True)
    order = msgspec.json.decode(house.take()[-1], type=Order)
    assert order == Order("name_stranger", actor="local:7", stranger="unknown-12", name="Ann", unlike=True)


def test_refused_naming_is_on_record_without_the_name(house: House) -> None:
    house.ask("name_stranger", peer=STRANGER, stranger="unknown-12", name="Ann")
    assert house.notices.poll(5000)
    record = house.notices.recv()
    assert b"name_stranger unknown-12" in record
    assert b"Ann" not in record


@pytest.mark.parametrize("fields", [{"stranger": "Bob"}, {"stranger": "unknown-1", "name": "n" * 101}])
def test_name_that_is_none_is_no_command(house: House, fields: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        house.ask("name_stranger", **fields)
