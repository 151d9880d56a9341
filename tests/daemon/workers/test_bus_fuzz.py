"""Garbage at every door of the bus, while an honest client is served."""

import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
import zmq

from daemon.events.network import MOST_GROWTH_BYTES
from daemon.events.requests import REQUESTS_PER_S
from daemon.exits import EXIT_FAILURE
from daemon.store import Store
from deconvid_client import KeyFile, Subscriber
from tests.daemon.secured_bus import PATIENCE_S, SecuredBus, hears, secured_bus

GROWTH_BYTES = 64 * 1024 * 1024
"""What buffers and caches may take; a leak of a few KiB a message would be far more."""

BATCH = 200
"""Messages between two looks at the honest client."""

FUZZERS = 10
PAUSE_S = BATCH / FUZZERS / REQUESTS_PER_S
"""After each batch: few are refused for their rate alone, so that the rest of the desk is tried."""

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01"
"""How ZMTP 3.1 begins; then come the mechanism (20 bytes), whether one is the server, and padding."""


@pytest.fixture
def bus(tmp_path: Path, store: Store) -> Iterator[SecuredBus]:
    with secured_bus(tmp_path, store) as bus:
        yield bus


@pytest.mark.parametrize("n", [2_000, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_no_request_does_harm(bus: SecuredBus, n: int) -> None:
    """From clients with keys: strangers do not get so far."""
    chance = random.Random(n)
    fuzzers = [bus.stranger(f"fuzzer-{number}") for number in range(FUZZERS)]
    for fuzzer in fuzzers:
        bus.keys.add(fuzzer.name, fuzzer.public_key, "subscriber")
    honest = bus.add("tv")
    answers: Counter[str] = Counter()
    with Subscriber(key=honest, after="start") as subscriber, ExitStack() as opened:
        doors = [opened.enter_context(zmq.Context.instance().socket(zmq.DEALER)) for _ in range(FUZZERS)]
        for fuzzer, door in zip(fuzzers, doors, strict=True):
            connect(door, fuzzer, bus.requests)
        assert hears(bus, subscriber)
        before = bus.resident_bytes()
        for done in range(0, n, BATCH):
            for number in range(BATCH):
                door = doors[number % FUZZERS]
                assert door.poll(1000, zmq.POLLOUT)
                door.send_multipart(garbled_request(chance))
            time.sleep(PAUSE_S)
            answers += read_answers(doors)
            assert hears(bus, subscriber), f"after {done}"
        answers += read_answers(doors, wait_ms=500)
        assert bus.is_well()
        grown = bus.resident_bytes() - before
        assert grown < GROWTH_BYTES
        assert answers["page"]
        assert answers.total() > n / 2
    assert bus.answer_command(0.2) is None
    print(f"\n{n} requests, {grown / 1e6:.1f} MB more, answers: {answers}")


@pytest.mark.parametrize("n", [2_000, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_no_bytes_of_strangers_do_harm(bus: SecuredBus, n: int) -> None:
    chance = random.Random(n)
    honest = bus.add("tv")
    received = sent = 0
    with Subscriber(key=honest, after="start") as subscriber:
        assert hears(bus, subscriber)
        before = bus.resident_bytes()
        while sent < n:
            for endpoint in (bus.events, bus.requests):
                count, answer = send_raw(endpoint, chance)
                sent, received = sent + count, received + len(answer)
                assert b"camera.state" not in answer
                assert b"captured_at" not in answer
                assert bus.store.epoch.encode() not in answer
            if chance.random() < 0.02:
                assert hears(bus, subscriber), f"after {sent}"
        assert hears(bus, subscriber)
        assert bus.is_well()
        grown = bus.resident_bytes() - before
        assert grown < GROWTH_BYTES
    print(f"\n{sent} raw messages, {received} bytes of greetings came back, {grown / 1e6:.1f} MB more")


def test_a_frame_too_long_is_cut_off_before_it_takes_memory(bus: SecuredBus) -> None:
    key = bus.add("tv")
    before = bus.resident_bytes()
    with zmq.Context.instance().socket(zmq.DEALER) as door:
        connect(door, key, bus.requests)
        for size in (4097, 10_000, 200_000_000):
            door.send_multipart([b"1", bytes(size)])
            assert not door.poll(500)
    with Subscriber(key=key) as subscriber:
        assert hears(bus, subscriber)
    assert bus.resident_bytes() - before < GROWTH_BYTES


def test_many_idle_strangers_shut_nobody_out(bus: SecuredBus) -> None:
    key = bus.add("tv")
    address = host_and_port(bus.requests)
    idle = [socket.create_connection(address, timeout=5) for _ in range(500)]
    try:
        with Subscriber(key=key) as subscriber:
            assert hears(bus, subscriber)
        time.sleep(4)  # longer than a handshake may take
        for one in idle:
            one.settimeout(0.5)
            while one.recv(4096):  # a greeting, then the end
                pass
    finally:
        for one in idle:
            one.close()


def test_requests_in_a_flood_are_refused_and_others_served(bus: SecuredBus) -> None:
    flooder, honest = bus.add("flooder"), bus.add("tv")
    with Subscriber(key=honest) as subscriber, zmq.Context.instance().socket(zmq.DEALER) as door:
        connect(door, flooder, bus.requests)
        assert hears(bus, subscriber)
        for number in range(1000):
            door.send_multipart([str(number).encode(), b'{"ask":"replay","after":0,"limit":1}'])
        answers = []
        while door.poll(2000):
            answers.append(msgspec.json.decode(door.recv_multipart()[1]))
        assert any(answer.get("error") == "too many requests" for answer in answers)
        assert hears(bus, subscriber, within_s=2)


def connect(door: "zmq.Socket[bytes]", key: KeyFile, endpoint: str) -> None:
    door.linger = 0
    key.secure(door)
    door.connect(endpoint)


def read_answers(doors: "list[zmq.Socket[bytes]]", wait_ms: int = 0) -> Counter[str]:
    """Returns how often which answer came."""
    answers: Counter[str] = Counter()
    for door in doors:
        while door.poll(wait_ms):
            header = msgspec.json.decode(door.recv_multipart()[1])
            assert header["ok"] is False or {"epoch", "through"} <= header.keys()
            answers["page" if header["ok"] else header["error"].partition(":")[0]] += 1
    return answers


def garbled_request(chance: random.Random) -> list[bytes]:
    """Wrong in one of many ways; some are right."""
    texts = [
        b"",
        b"{",
        b"[" * 4000,
        b'{"ask":"replay","after":-1}',
        b'{"ask":"replay","after":9223372036854775808}',
        b'{"ask":"replay","after":0,"limit":0}',
        b'{"ask":"replay","after":0,"limit":1001}',
        b'{"ask":"replay","after":0,"limit":2,"kinds":["face.' + b"x" * 100 + b'"]}',
        b'{"ask":"replay","after":0,"limit":2,"kinds":["%\' OR 1=1 --"]}',
        b'{"ask":"last","after":"0"}',
        b'{"ask":"control","command":"reload"}',
        b'{"ask":"control","command":"pause","camera":"../../etc"}',
        b'{"ask":"control","command":"reload","actor":"local:0"}',
        b'{"ask":"control","command":["reload"]}',
        b'{"ask":{"ask":"control"}}',
        b'{"ask":"replay","ask":"control","command":"reload"}',
        b'{"ask":"\xff\xfe"}',
        b"\x00" * 64,
    ]
    body = chance.choice(texts)
    way = chance.randrange(6)
    if way == 0:
        body = chance.randbytes(chance.randrange(2000))
    elif way == 1 and body:
        place = chance.randrange(len(body))
        body = body[:place] + chance.randbytes(1) + body[place + 1 :]
    if way == 2:
        return [chance.randbytes(chance.randrange(8)) for _ in range(chance.choice((1, 3, 5, 40)))]
    return [chance.randbytes(chance.randrange(1, 16)), body]


def send_raw(endpoint: str, chance: random.Random) -> tuple[int, bytes]:
    """Connects without ZeroMQ and sends some messages; returns how many, and what came back."""
    answer = b""
    messages = [raw_message(chance) for _ in range(chance.randrange(1, 40))]
    if chance.random() < 0.7:
        mechanism = chance.choice((b"NULL", b"CURVE", b"PLAIN", b"GSSAPI", chance.randbytes(20)))
        as_server = chance.choice((b"\0", b"\1"))
        messages.insert(0, GREETING[:-2] + chance.choice((b"\3\1", b"\3\0", b"\1\0")) + mechanism.ljust(20, b"\0"))
        messages[0] += as_server + bytes(31)
    sent = 0
    with socket.create_connection(host_and_port(endpoint), timeout=5) as peer:
        peer.settimeout(0.05)
        try:
            for message in messages:
                peer.sendall(message)
                sent += 1
                if sent == 1:  # how it greets back, before it is offended
                    answer += peer.recv(65536)
            while more := peer.recv(65536):
                answer += more
        except OSError:  # cut off, or nothing more to say
            pass
    return max(sent, 1), answer


def raw_message(chance: random.Random) -> bytes:
    """A frame or a command of ZMTP, or noise."""
    body = chance.choice((b"", b"\1", b"\x05HELLO\1\0" + bytes(192), b"\x05READY\x0bSocket-Type\0\0\0\3SUB"))
    way = chance.randrange(5)
    if way == 0:
        return chance.randbytes(chance.randrange(1, 3000))
    if way == 1:
        return bytes([chance.choice((0, 1, 4))]) + bytes([min(255, len(body))]) + body
    if way == 2:  # a length that no memory holds
        return bytes([chance.choice((2, 3, 6))]) + struct.pack(">Q", chance.choice((2**63 - 1, 2**32, 5000))) + body
    if way == 3:
        return b"\x05\x03" + chance.randbytes(3)
    return bytes([4, len(body) + 1]) + body + chance.randbytes(1)


def host_and_port(endpoint: str) -> tuple[str, int]:
    parts = urlsplit(endpoint)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


def flood_with_parts(bus: SecuredBus) -> int:
    """Sends parts of one message that never ends, which libzmq's own clients do not; returns the most memory seen."""
    part = b"\3" + struct.pack(">Q", 4000) + bytes(4000)
    ready = b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER"
    most = 0
    with suppress(OSError), socket.create_connection(host_and_port(bus.requests), timeout=PATIENCE_S) as peer:
        peer.sendall(GREETING + b"NULL".ljust(20, b"\0") + bytes(32))
        peer.recv(64, socket.MSG_WAITALL)
        peer.sendall(bytes([4, len(ready)]) + ready)
        while True:
            peer.sendall(part * 100)
            most = max(most, bus.resident_bytes())
    return most


def test_a_message_without_end_ends_the_process_before_it_ends_the_memory(tmp_path: Path, store: Store) -> None:
    with secured_bus(tmp_path, store, encrypted=False) as bus:
        before, most = bus.resident_bytes(), 0
        deadline = time.monotonic() + PATIENCE_S
        while bus.process.poll() is None and time.monotonic() < deadline:
            most = max(most, flood_with_parts(bus))
        assert bus.process.returncode == EXIT_FAILURE  # the supervisor starts it anew
        assert "clients cost too much memory" in bus.log
    assert MOST_GROWTH_BYTES / 2 < most - before < 1.5 * MOST_GROWTH_BYTES
