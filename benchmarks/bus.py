"""How many events go through store and bus, how soon they arrive, and whether a stopped subscriber loses any.

    python -m benchmarks.bus --seconds 90 --out benchmarks/bus.json

First a burst of 10,000 events, in rounds of 256 as the identity worker stores them. Then 1,000 events a second, stored
every 10 ms. Three subscribers in processes of their own listen; one is stopped (SIGSTOP) for two thirds of that time,
and asks for what it missed at the end. The bus is the daemon's own worker. Latency is from the commit of an event to
its arrival, both by CLOCK_MONOTONIC.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import numpy as np
import zmq

from benchmarks.command import run
from daemon.events.schema import Identified, rfc3339
from daemon.events.writer import Draft, EventWriter
from daemon.heartbeat import Heartbeat
from daemon.store import Store
from daemon.workers.task import BusTask

BURST = 10_000
ROUND = 256
RATE = 1000
TICK_S = 0.01
SUBSCRIBERS = 3
PACKAGES = ("msgspec", "pyzmq", "sqlalchemy")


@dataclass(frozen=True, slots=True)
class Heard:
    """What one subscriber got."""

    arrived_ns: dict[int, int]
    """By sequence, as it was published."""
    replayed: int
    missing: int
    """After the replay."""


def listen(folder: str, last: int, pipe: Connection) -> None:
    """A subscriber: reads until the event `last`, then asks for what it missed."""
    context, arrived_ns = zmq.Context(), {}
    socket = context.socket(zmq.SUB)
    socket.set(zmq.RCVHWM, 10_000)
    socket.subscribe("")
    socket.connect(f"ipc://{folder}/events")
    assert socket.poll(10_000)
    pipe.send("ready")
    while True:
        topic, payload = socket.recv_multipart()
        body = json.loads(payload)
        if topic != b"bus.alive":
            arrived_ns[body["sequence"]] = time.monotonic_ns()
        elif body["newest"] >= last:
            break
    replayed = replay(context, folder, last, arrived_ns)
    missing = last - len(arrived_ns) - len(replayed)
    pipe.send(Heard(arrived_ns, len(replayed), missing))


def replay(context: "zmq.Context[zmq.Socket[bytes]]", folder: str, last: int, have: dict[int, int]) -> set[int]:
    """Returns the sequence numbers that were missing and came."""
    dealer, got = context.socket(zmq.DEALER), set()
    dealer.connect(f"ipc://{folder}/requests")
    for sequence in range(1, last + 1):
        if sequence not in have and sequence not in got:
            dealer.send_multipart([b"1", json.dumps({"ask": "replay", "after": sequence - 1}).encode()])
            _, header, *payloads = dealer.recv_multipart()
            assert json.loads(header)["ok"], header
            got |= {json.loads(payload)["sequence"] for payload in payloads} - have.keys()
            time.sleep(0.005)  # the bus allows 200 requests a second
    return got


@contextmanager
def run_bus(folder: Path) -> Iterator[None]:
    names = ("stored", "events", "requests", "control", "observations", "reports")
    endpoints = {name: f"ipc://{folder}/{name}" for name in names}
    paths = {"database": folder / "db", "cursor": folder / "cursor", "heartbeat": folder / "heartbeat"}
    heartbeat = Heartbeat.create(paths["heartbeat"])
    worker = subprocess.Popen([sys.executable, "-m", "daemon.workers.bus"], stdin=subprocess.PIPE)
    assert worker.stdin
    worker.stdin.write(msgspec.json.encode(BusTask(**endpoints, **{k: str(v) for k, v in paths.items()})) + b"\n")
    worker.stdin.flush()
    yield
    worker.terminate()
    worker.wait()
    worker.stdin.close()
    heartbeat.close()


def write(writer: EventWriter, count: int, committed_ns: dict[int, int]) -> None:
    event = Identified(
        camera="door",
        track="3f9a2c-17",
        captured_at=rfc3339(time.time_ns()),
        score=0.812345,
        box=(612.25, 188.5, 690.75, 287.125),
        frame_size=(1280, 720),
    )
    numbers = writer.write([Draft(event, time.monotonic_ns())] * count)
    committed_ns.update(dict.fromkeys([number for number in numbers if number], time.monotonic_ns()))


def burst(writer: EventWriter, committed_ns: dict[int, int]) -> dict[str, float]:
    started = time.monotonic_ns()
    for begin in range(0, BURST, ROUND):
        write(writer, min(ROUND, BURST - begin), committed_ns)
    return {"started_ns": started, "stored_s": round((time.monotonic_ns() - started) / 1e9, 3)}


def sustain(writer: EventWriter, seconds: float, victim: int, committed_ns: dict[int, int]) -> None:
    started = time.monotonic()
    stop_s, go_on_s, is_stopped = seconds / 6, seconds * 5 / 6, False
    for tick in range(round(seconds / TICK_S)):
        time.sleep(max(0.0, started + tick * TICK_S - time.monotonic()))
        should_stop = stop_s <= time.monotonic() - started < go_on_s
        if should_stop != is_stopped:
            os.kill(victim, signal.SIGSTOP if should_stop else signal.SIGCONT)
            is_stopped = should_stop
        write(writer, round(RATE * TICK_S), committed_ns)
    os.kill(victim, signal.SIGCONT)


def latency(heard: Heard, committed_ns: dict[int, int], sequences: range) -> dict[str, float]:
    milliseconds = [(heard.arrived_ns[n] - committed_ns[n]) / 1e6 for n in sequences if n in heard.arrived_ns]
    p50, p99, p100 = np.percentile(milliseconds, [50, 99, 100])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2), "max": round(float(p100), 2)}


def measure(seconds: float) -> dict[str, object]:
    from engine.machine import processor

    last, load = BURST + round(seconds / TICK_S) * round(RATE * TICK_S), os.getloadavg()[0]
    spawn, committed_ns = multiprocessing.get_context("spawn"), dict[int, int]()
    with (
        tempfile.TemporaryDirectory(prefix="deconvid-") as folder,
        Store.open(Path(folder) / "db") as store,
        zmq.Context() as context,
        EventWriter(store, f"ipc://{folder}/stored", context) as writer,
        run_bus(Path(folder)),
    ):
        pipes, listeners = [], []
        for _ in range(SUBSCRIBERS):
            ours, theirs = spawn.Pipe()
            listeners.append(spawn.Process(target=listen, args=(folder, last, theirs)))
            listeners[-1].start()
            pipes.append(ours)
        assert all(pipe.recv() == "ready" for pipe in pipes)
        told = burst(writer, committed_ns)
        time.sleep(3)
        sustain(writer, seconds, listeners[-1].pid or 0, committed_ns)
        heard: list[Heard] = [pipe.recv() for pipe in pipes]
        for listener in listeners:
            listener.join()
    arrived_s = [(one.arrived_ns[BURST] - told["started_ns"]) / 1e9 for one in heard if BURST in one.arrived_ns]
    return {
        "command": f"python -m benchmarks.bus {' '.join(sys.argv[1:])}",
        "machine": processor(),
        "load_before": load,
        "versions": {name: version(name) for name in PACKAGES},
        "burst": {
            "events": BURST,
            "stored_s": told["stored_s"],
            "arrived_s": [round(s, 3) for s in arrived_s],
            "events_per_s": round(BURST / max(arrived_s)),
        },
        "sustained": {
            "seconds": seconds,
            "events_per_s": RATE,
            "stopped_s": round(seconds * 2 / 3, 1),
            "latency_ms": [latency(one, committed_ns, range(BURST + 1, last + 1)) for one in heard[:-1]],
            "replayed": [one.replayed for one in heard],
            "lost_after_replay": [one.missing for one in heard],
        },
    }


if __name__ == "__main__":
    run(__doc__, measure, seconds=90)
