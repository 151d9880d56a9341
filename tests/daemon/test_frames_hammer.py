"""The frame ring under fire: a writer and a reader as fast as they can, each killed again and again at any moment."""

import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ctypes import c_longlong
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import zmq

from daemon.frames import FrameRing, FrameTimes, Outcome, StaleFrame
from daemon.frames.slot import plane_shapes
from daemon.messages import FrameToken

SIZES = ((64, 48), (33, 11))
READS_OF_A_FRAME = 40
MOMENT_S = 0.2
"""Somebody is killed so soon, at most, after so many reads that both are at work."""
PAUSE_S = 0.0002
"""Of the writer: a token is to reach the reader before both slots hold something else, most of the time."""
PATIENCE_S = 60.0
READS, STALE, WRONG = range(3)
spawn = multiprocessing.get_context("spawn")


class Marked(msgspec.Struct):
    """A token, and the number that the frame carries as its time and, modulo 251, in each of its bytes."""

    token: FrameToken
    number: int


def write_for_ever(ring_path: Path, tokens: str) -> None:
    ring = FrameRing.attach(ring_path)
    ring.take_over_writing()
    pictures = {
        (size, value): [np.full(shape, value, np.uint8) for shape in plane_shapes(*size)]
        for size in SIZES
        for value in range(251)
    }
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.setsockopt(zmq.CONFLATE, 1)  # only the newest token is worth anything
        socket.connect(tokens)
        number = time.monotonic_ns()
        while True:
            number += 1
            planes = pictures[SIZES[number % 2], number % 251]
            token = ring.write(planes, FrameTimes(number, 0), bt709=True, full_range=False)
            if token:
                with suppress(zmq.Again):
                    socket.send(msgspec.msgpack.encode(Marked(token, number)), zmq.NOBLOCK)
            time.sleep(PAUSE_S)


def read_for_ever(ring_path: Path, tokens: str, figures: Any, is_careful: bool) -> None:
    ring = FrameRing.attach(ring_path)
    ring.clear_leases()
    read = read_carefully if is_careful else read_carelessly
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        socket.setsockopt(zmq.CONFLATE, 1)
        socket.bind(tokens)
        while True:
            marked = msgspec.msgpack.decode(socket.recv(), type=Marked)
            outcome = Outcome.ANALYSED
            for _ in range(READS_OF_A_FRAME):
                outcome = read(ring, marked, figures)
                if outcome is Outcome.STALE:
                    break
            ring.consume(marked.token.sequence, outcome)


def read_carefully(ring: FrameRing, marked: Marked, figures: Any) -> Outcome:
    """As the vision worker does."""
    try:
        with ring.lease(marked.token) as frame:
            planes = [plane.copy() for plane in (frame.image.y, frame.image.u, frame.image.v)]
            number, is_valid = frame.captured_ns, frame.still_valid()
    except StaleFrame:
        figures[STALE] += 1
        return Outcome.STALE
    if is_valid:
        figures[READS] += 1
        figures[WRONG] += not is_of(planes, number, marked)
    return Outcome.ANALYSED if is_valid else Outcome.STALE


def read_carelessly(ring: FrameRing, marked: Marked, figures: Any) -> Outcome:
    """Without a lease, and without a look at the generation."""
    slot = ring._slots[marked.token.slot]
    planes = [plane.copy() for plane in slot.planes()]
    figures[READS] += 1
    figures[WRONG] += not is_of(planes, slot.times.captured_ns, marked)
    return Outcome.ANALYSED


def is_of(planes: list[np.ndarray], number: int, marked: Marked) -> bool:
    return number == marked.number and all((plane == number % 251).all() for plane in planes)


@contextmanager
def living(target: Any, *arguments: Any) -> Iterator[Any]:
    """Gives what kills the process and starts another one in its place."""
    alive = []

    def start() -> None:
        alive.append(spawn.Process(target=target, args=arguments, daemon=True))
        alive[-1].start()

    def end() -> None:
        process = alive.pop()
        process.kill()
        process.join()

    def replace() -> None:
        end()
        start()

    start()
    try:
        yield replace
    finally:
        end()


@pytest.fixture
def ring():
    """In shared memory, where the races are; two slots, so that they are frequent."""
    ring = FrameRing.create(Path("/dev/shm"), "0123abcd", f"fire{os.getpid()}", 64, 48, slots=2)
    yield ring
    ring.unlink()
    ring.close()


TEN_MILLION = pytest.param(10_000_000, 100, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])


@pytest.mark.parametrize(("reads", "kills"), [(20_000, 8), TEN_MILLION])
def test_no_read_is_torn_or_stale_whoever_is_killed(ring, tmp_path, reads, kills):
    figures, tokens, chance = RawArray(c_longlong, 3), f"ipc://{tmp_path}/tokens", random.Random(7)
    with (
        living(read_for_ever, ring.path, tokens, figures, True) as new_reader,
        living(write_for_ever, ring.path, tokens) as new_writer,
    ):
        while figures[READS] < reads:
            before, until_s = figures[READS], time.monotonic() + PATIENCE_S
            while figures[READS] < before + reads // kills:
                assert time.monotonic() < until_s, "they do not go on"
                time.sleep(0.01)
            time.sleep(chance.uniform(0, MOMENT_S))
            chance.choice((new_reader, new_writer))()
            counts = ring.counts()
            assert figures[WRONG] == 0
            assert counts.captured == counts.analysed + sum(counts.dropped.values()) + counts.in_flight
    assert figures[STALE] > 0  # they did meet
    successor = FrameRing.attach(ring.path)
    successor.take_over_writing()
    ring.clear_leases()
    [plane, *chroma] = [np.zeros(shape, np.uint8) for shape in plane_shapes(64, 48)]
    token = successor.write([plane, *chroma], FrameTimes.now(), bt709=True, full_range=False)
    assert token
    ring.consume(token.sequence, Outcome.ANALYSED)
    assert ring.counts().in_flight == 0
    successor.close()


def test_without_lease_and_generation_the_same_reader_is_wrong_at_once(ring, tmp_path):
    figures, tokens = RawArray(c_longlong, 3), f"ipc://{tmp_path}/tokens"
    with living(read_for_ever, ring.path, tokens, figures, False), living(write_for_ever, ring.path, tokens):
        until_s = time.monotonic() + PATIENCE_S
        while figures[WRONG] < 10 and time.monotonic() < until_s:
            time.sleep(0.05)
    assert figures[WRONG] >= 10
