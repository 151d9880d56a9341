"""Speaks the bus's protocol over real sockets, out of a list instead of a database."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from deconvid_client import SCHEMA_VERSION

BEAT_MS = 50


def make_event(epoch: str, sequence: int, kind: str = "face.identified", **fields: Any) -> dict[str, Any]:
    camera = {"camera": "door", "person": {"id": 1, "name": "Ada"}} if kind.startswith("face.") else {}
    moment = "2026-01-02T03:04:05.000006Z"
    place = {"version": SCHEMA_VERSION, "epoch": epoch, "sequence": sequence}
    return {"kind": kind, **place, "captured_at": moment, **camera, **fields}


class BusDouble:
    """One thread with PUB and ROUTER sockets; `stop` and `start` again keep the events."""

    def __init__(self, folder: Path) -> None:
        self.endpoint = f"ipc://{folder}/events"
        self.epoch = "one"
        self.events: list[dict[str, Any]] = []
        self.newest = 0
        self.asked: list[dict[str, Any]] = []
        """Requests, as they came."""
        self.mute = 0
        """So many requests go unanswered."""
        self.encode = lambda event: json.dumps(event).encode()
        self._folder = folder
        self._outbox: list[bytes] = []
        self.start()

    def start(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def publish(self, *kinds: str, heard: bool = True) -> None:
        """Stores events; subscribers are told of them unless they are not `heard`."""
        for kind in kinds:
            self.newest += 1
            event = make_event(self.epoch, self.newest, kind)
            self.events.append(event)
            if heard:
                self._outbox.append(self.encode(event))

    def forget(self, through: int) -> None:
        self.events = [event for event in self.events if event["sequence"] > through]

    def begin_anew(self, epoch: str) -> None:
        self.epoch, self.events, self.newest = epoch, [], 0

    def _serve(self) -> None:
        with zmq.Context() as context, context.socket(zmq.PUB) as live, context.socket(zmq.ROUTER) as requests:
            for socket, name in ((live, "events"), (requests, "requests")):
                socket.linger = 0
                socket.bind(f"ipc://{self._folder}/{name}")
            while not self._ended.is_set():
                while self._outbox:
                    live.send_multipart([b"topic", self._outbox.pop(0)])
                beat = json.dumps({"epoch": self.epoch, "newest": self.newest})
                live.send_multipart([b"bus.alive", beat.encode()])
                if requests.poll(BEAT_MS):
                    self._answer(requests)

    def _answer(self, requests: "zmq.Socket[bytes]") -> None:
        client, number, body = requests.recv_multipart()
        request = json.loads(body)
        self.asked.append(request)
        if self.mute:
            self.mute -= 1
            return
        header, events = getattr(self, f"_{request['ask']}")(request)
        requests.send_multipart([client, number, json.dumps(header).encode(), *map(self.encode, events)])

    def _replay(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        after = request["after"] if request["epoch"] in (None, self.epoch) else 0
        page = [event for event in self.events if event["sequence"] > after][: request["limit"]]
        through = page[-1]["sequence"] if len(page) == request["limit"] else max(self.newest, after)
        oldest = self.events[0]["sequence"] if self.events else 0
        header = {"ok": True, "epoch": self.epoch, "oldest": oldest, "newest": self.newest, "through": through}
        return header | {"more": through < self.newest}, page

    def _last(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Pages of one event each: the newest two."""
        page = [event for event in self.events[-2:] if event["sequence"] > request["after"]]
        header = {"ok": True, "epoch": self.epoch, "oldest": 1, "newest": self.newest, "more": len(page) > 1}
        return header | {"through": page[0]["sequence"] if page else self.newest}, page[:1]

    def _control(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        if request["command"] == "explode":
            return {"ok": False, "error": "there is no command 'explode'", "fix": "Take pause or resume"}, []
        return {"ok": True, "message": f"{request['command']} {request.get('camera')}"}, []


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[BusDouble]:
    double = BusDouble(tmp_path)
    yield double
    double.stop()
