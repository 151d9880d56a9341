"""The bus for other machines, as a real process: who gets in, who is cut off, who may control."""

import dataclasses
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import zmq

from daemon.events.keys import KeyPair
from daemon.operations.control import Request as Order
from daemon.store import Store
from deconvid_client import KeyFile, NoAnswerError, RefusedError, Subscriber
from deconvid_client.requests import Requests
from tests.daemon.secured_bus import SecuredBus, hears, secured_bus

SILENCE_S = 2.0
"""In which a client that is let in has long heard something."""


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBus]:
    """One for all tests that change nothing of it."""
    folder = tmp_path_factory.mktemp("bus")
    with Store.open(folder / "identities.sqlite") as store, secured_bus(folder, store) as bus:
        yield bus


@pytest.fixture
def own_bus(tmp_path: Path, store: Store) -> Iterator[SecuredBus]:
    with secured_bus(tmp_path, store) as bus:
        yield bus


def are_shut_out(bus: SecuredBus, *keys: KeyFile | None) -> bool:
    """Whether clients with these keys hear nothing, beats included, and are not answered. None: without a key."""
    with ExitStack() as opened:
        sockets: list[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]] = []
        for key in keys:
            context = zmq.Context.instance()
            live, requests = (opened.enter_context(context.socket(kind)) for kind in (zmq.SUB, zmq.DEALER))
            live.subscribe(b"")
            for socket, endpoint in ((live, bus.events), (requests, bus.requests)):
                socket.linger = 0
                if key:
                    key.secure(socket)
                socket.connect(endpoint)
            sockets.append((live, requests))
        deadline = time.monotonic() + SILENCE_S
        heard = False
        while time.monotonic() < deadline and not heard:
            bus.say()
            for live, requests in sockets:
                with suppress(zmq.Again):
                    requests.send_multipart([b"1", b'{"ask":"replay","after":0}'], zmq.NOBLOCK)
                heard |= bool(live.poll(10) or requests.poll(10))
    return not heard


def test_a_client_with_a_key_hears_and_replays(bus: SecuredBus) -> None:
    key = bus.add("tv")
    with Subscriber(key=key) as subscriber:
        assert hears(bus, subscriber)
    with Requests(key=key) as requests:
        assert requests.replay().events[0].sequence == 1


def test_strangers_get_not_one_byte(bus: SecuredBus) -> None:
    known = bus.add("known")
    with Subscriber(key=known) as subscriber:
        assert hears(bus, subscriber)
        without_secret = dataclasses.replace(known, secret_key=KeyPair.generate().secret_key)
        wrong_server = dataclasses.replace(known, server_key=KeyPair.generate().public_key)
        assert are_shut_out(bus, None, bus.stranger(), without_secret, wrong_server)
        assert hears(bus, subscriber)
    assert "client_refused" in bus.log
    assert known.secret_key not in bus.log


def test_a_revoked_client_is_cut_off_while_others_lose_nothing(own_bus: SecuredBus) -> None:
    honest, revoked = own_bus.add("tv"), own_bus.add("old")
    with Subscriber(key=honest, after="start") as honest_one, Subscriber(key=revoked) as revoked_one:
        assert hears(own_bus, revoked_one)
        own_bus.keys.revoke("old")
        own_bus.wait_until(lambda: own_bus.log.count("network_open") == 2)
        while revoked_one.receive(0.1):  # what it had received before
            pass
        own_bus.say(50)
        assert revoked_one.receive(SILENCE_S) is None
        newest = own_bus.store.events.newest()
        sequences = []
        while not sequences or sequences[-1] < newest:
            event = honest_one.receive(10)
            assert event
            sequences.append(event.sequence)
    assert sequences == list(range(1, newest + 1))
    assert are_shut_out(own_bus, revoked)


def test_a_new_server_key_needs_no_restart(own_bus: SecuredBus) -> None:
    key = own_bus.add("tv")
    with Subscriber(key=key) as subscriber:
        assert hears(own_bus, subscriber)
    new = own_bus.keys.rotate_server()
    own_bus.wait_until(lambda: own_bus.log.count("network_open") == 2)
    assert are_shut_out(own_bus, key)
    with Subscriber(key=dataclasses.replace(key, server_key=new.public_key)) as subscriber:
        assert hears(own_bus, subscriber)


def test_an_operator_controls_under_the_name_of_the_key(bus: SecuredBus) -> None:
    key = bus.add("panel", "operator")
    with Subscriber(key=key) as subscriber:
        assert hears(bus, subscriber)
    context = zmq.Context.instance()
    with context.socket(zmq.DEALER) as requests:
        requests.linger = 0
        key.secure(requests)
        requests.connect(bus.requests)
        requests.send_multipart([b"7", b'{"ask":"control","command":"pause","camera":"door"}'])
        assert bus.answer_command() == Order("pause", "door", "key:panel")
        assert requests.poll(5000)
        assert requests.recv_multipart() == [b"7", b'{"ok":true,"message":"done"}']


def test_a_subscriber_controls_nothing_and_that_is_on_record(bus: SecuredBus) -> None:
    key = bus.add("radio")
    with Subscriber(key=key) as subscriber:
        assert hears(bus, subscriber)
    with Requests(key=key) as requests, pytest.raises(RefusedError, match="may listen, not control"):
        requests.control("pause", camera="door")
    notice = bus.next_notice()
    assert notice
    assert (notice.kind, notice.subject, notice.detail) == ("daemon.control", "pause door", "refused")
    assert notice.actor == "key:radio"
    assert bus.answer_command(0.2) is None


def test_nobody_chooses_the_name_under_which_it_is_recorded(bus: SecuredBus) -> None:
    with Requests(bus.ipc["requests"]) as requests, pytest.raises(RefusedError, match="actor"):
        requests.control("reload", actor="key:panel")
    assert bus.answer_command(0.2) is None


def test_a_program_of_this_machine_controls_as_its_user(bus: SecuredBus) -> None:
    context = zmq.Context.instance()
    with context.socket(zmq.DEALER) as requests:
        requests.linger = 0
        requests.connect(bus.ipc["requests"])
        requests.send_multipart([b"1", b'{"ask":"control","command":"status"}'])
        command = bus.answer_command()
        assert command
        assert command.actor == f"local:{os.getuid()}"
        assert requests.poll(5000)


def test_a_supervisor_that_is_silent_holds_nothing_up(bus: SecuredBus) -> None:
    with Subscriber(bus.ipc["events"]) as subscriber:
        with Requests(bus.ipc["requests"], timeout_s=0.3) as requests, pytest.raises(NoAnswerError):
            requests.control("reload")
        assert hears(bus, subscriber)


def test_plain_tcp_listens_and_controls_nothing(tmp_path: Path, store: Store) -> None:
    with secured_bus(tmp_path, store, encrypted=False) as bus:
        with Subscriber(bus.events) as subscriber:
            assert hears(bus, subscriber)
        with Requests(bus.requests) as requests, pytest.raises(RefusedError, match="without a key"):
            requests.control("pause", camera="door")
        notice = bus.next_notice()
        assert notice
        assert notice.actor == "plain:127.0.0.1"
