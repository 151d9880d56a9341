"""The identity and the bus worker as processes under load, kill -9 for either, and a program that follows."""

import itertools
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import numpy as np
import zmq

from config import Settings
from daemon.heartbeat import Heartbeat
from daemon.messages import CameraStateChanged, FaceObserved, Observation, TrackEnded, encode
from daemon.plans import Place, bus_plan, identity_plan
from daemon.store import Store
from deconvid_client import Event, Subscriber
from engine.manifests import find_model

EVENTS_A_SECOND = 1000
BURST = 20
LONGEST_LIFE_S = 0.15
"""Of a worker, from its first event on."""
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Figures:
    rounds: int
    kills: dict[str, int]
    events: int
    seconds: float
    lost: int
    doubled: int
    reordered: int
    altered: int
    """Events that differ from what the store holds."""


class BusUnderFire:
    """A context manager; `run` kills and counts."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._random = folder, random.Random(seed)
        self._settings = Settings(state=folder, runtime=folder)
        self._store = Store.open(self._settings.database)
        place = Place(self._settings, rings={})
        self._plans = {"bus": bus_plan(place), "identity": identity_plan(place)}
        self._heartbeats = [Heartbeat.create(plan.heartbeat) for plan in self._plans.values()]
        self._workers = {name: self._start(name) for name in self._plans}
        self._model = find_model(self._settings.embedding.model).sha256
        self._received: list[Event] = []
        self._ended, self._is_closing = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._push), threading.Thread(target=self._follow)]
        for thread in self._threads:
            thread.start()

    def run(self, rounds: int) -> Figures:
        """Each round kills the identity worker in the midst of its work, every fifth one the bus worker too."""
        started_s, kills = time.monotonic(), Counter[str]()
        for n in range(rounds):
            self._wait_for_news()
            time.sleep(self._random.uniform(0, LONGEST_LIFE_S))
            names = ["identity", "bus"] if n % 5 == 4 else ["identity"]
            for name in self._random.sample(names, len(names)):
                self._kill(name)
                kills[name] += 1
            for name in names:
                self._workers[name] = self._start(name)
        self._wait_for_news()
        seconds = time.monotonic() - started_s
        self._come_to_rest()
        return self._judge(rounds, dict(kills), seconds)

    def _wait_for_news(self) -> None:
        """Until an event has come through both workers of now."""
        self._wait_until_received(self._store.events.newest() + 1)

    def _wait_until_received(self, sequence: int) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not self._received or self._received[-1].sequence < sequence:
            assert time.monotonic() < deadline_s, f"event {sequence} did not come"
            time.sleep(0.002)

    def _come_to_rest(self) -> None:
        self._ended.set()
        self._threads[0].join()
        previous = -1
        while (newest := self._store.events.newest()) != previous:
            previous = newest
            time.sleep(0.5)
        self._wait_until_received(newest)

    def _judge(self, rounds: int, kills: dict[str, int], seconds: float) -> Figures:
        received = [event.sequence for event in self._received]
        newest = self._store.events.newest()
        stored = {event.sequence: event.payload for event in self._store.events.since(0, limit=newest)}
        assert stored.keys() == set(range(1, newest + 1)), "the store itself has gaps"
        return Figures(
            rounds=rounds,
            kills=kills,
            events=newest,
            seconds=round(seconds, 1),
            lost=len(stored.keys() - set(received)),
            doubled=len(received) - len(set(received)),
            reordered=sum(b <= a for a, b in itertools.pairwise(received)),
            altered=sum(event.data != json.loads(stored[event.sequence]) for event in self._received),
        )

    def _push(self) -> None:
        """Observations at a steady rate; what a dead worker's socket does not take is lost, as frames are."""
        with zmq.Context.instance().socket(zmq.PUSH) as socket:
            socket.set(zmq.LINGER, 0)
            socket.set(zmq.SNDHWM, 100)
            socket.connect(f"ipc://{self._folder}/observations")
            observations = _observations(self._model)
            while not self._ended.is_set():
                for observation in itertools.islice(observations, BURST):
                    if socket.poll(0, zmq.POLLOUT):
                        socket.send(encode(observation))
                time.sleep(BURST / EVENTS_A_SECOND)

    def _follow(self) -> None:
        with Subscriber(self._settings.events_endpoint, after="start") as subscriber:
            while not self._is_closing.is_set():
                event = subscriber.receive(0.1)
                if event is not None:
                    self._received.append(event)

    def _start(self, name: str) -> "subprocess.Popen[bytes]":
        with (self._folder / "log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", f"daemon.workers.{name}"], stdin=subprocess.PIPE, stderr=log
            )
        assert worker.stdin
        worker.stdin.write(msgspec.json.encode(self._plans[name].task) + b"\n")
        worker.stdin.flush()
        return worker

    def _kill(self, name: str) -> None:
        worker = self._workers[name]
        assert worker.poll() is None, f"the {name} worker ended by itself:\n{(self._folder / 'log').read_text()}"
        worker.kill()
        worker.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._is_closing.set()
        for thread in self._threads:
            thread.join()
        for worker in self._workers.values():
            worker.kill()
            worker.communicate()
        for heartbeat in self._heartbeats:
            heartbeat.close()
        self._store.close()


def _observations(model: str) -> Iterator[Observation]:
    """People who come, are seen three times and go, and cameras that change their state in between."""
    directions = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for n in itertools.count():
        now_ns = time.time_ns()
        yield CameraStateChanged("yard", "streaming", f"change {n}", now_ns)
        for _ in range(3):
            yield FaceObserved(
                camera="door",
                track=f"t{n}",
                captured_ns=time.monotonic_ns(),
                captured_wall_ns=now_ns,
                box=(10.0, 20.0, 50.0, 70.0),
                frame_size=(640, 480),
                quality=0.8,
                embedding=directions[n % 64].tobytes(),
                model=model,
            )
        yield TrackEnded("door", f"t{n}", now_ns, now_ns)
