"""The camera worker in this process, on packets that no camera here sends."""

import errno
import threading
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from types import SimpleNamespace
from typing import Any

import av.error
import msgspec
import pytest
from av import VideoFrame
from rig.workers import make_camera_task

from daemon.exits import EXIT_ENDED
from daemon.frames import DropReason, FrameRing
from daemon.heartbeat import Heartbeat
from daemon.streams.source import BLIND_S, Source
from daemon.workers.camera import CameraWorker

PACKET = SimpleNamespace(pts=None, size=1)


class Bench:
    """A worker whose camera sends a packet each second for ever; it ends when its state is stalled."""

    def __init__(self, folder: Any, decode: Callable[[Any], list[VideoFrame]]) -> None:
        self.ring = FrameRing.create(folder, "0123abcd", "door", 64, 64)
        self.states: list[tuple[str, str]] = []
        self.beats: list[int] = []
        """The newest one, each time that another packet is asked for."""
        self._heartbeat = Heartbeat.create(folder / "heartbeat")
        self._stop = threading.Event()
        seconds = count(step=1 / 3)  # it is asked for three times with each packet
        decoder = SimpleNamespace(name="h264", decode=decode, reorder_depth=0)
        self._task = msgspec.structs.replace(make_camera_task(), kind="device", detect_fps=1e9)
        self.source = Source(
            self._task,
            SimpleNamespace(demux=self._packets, close=lambda: None),
            SimpleNamespace(average_rate=10, width=64, height=48, codec_context=decoder),
            lambda: next(seconds),
        )

    def _packets(self, _stream: Any) -> Iterator[Any]:
        while True:
            self.beats.append(self._heartbeat.beaten_ns)
            yield PACKET

    def _note(self, state: str, detail: str) -> None:
        self.states.append((state, detail))
        if state == "stalled":
            self._stop.set()

    def run(self) -> int:
        outbox = SimpleNamespace(report=self._note, announce=lambda token: None)
        reporter = SimpleNamespace(report=lambda **_: None)
        return CameraWorker(self._task, self.ring, self._heartbeat, outbox, reporter, self._stop).run()


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """`bench(decode)` makes one whose decoder is that function."""
    benches: list[Bench] = []

    def make(decode: Callable[[Any], list[VideoFrame]]) -> Bench:
        benches.append(Bench(tmp_path, decode))
        monkeypatch.setattr(Source, "open", lambda task: benches[-1].source)
        return benches[-1]

    yield make
    for made in benches:
        made.ring.close()


def test_a_camera_that_sends_no_picture_is_called_stalled_and_its_worker_never_hung(bench):
    made = bench(lambda packet: [])
    assert made.run() == EXIT_ENDED
    assert made.states[-1] == ("stalled", "data comes, but no whole picture for 30 s")
    assert len(made.beats) >= BLIND_S
    assert all(before < after for before, after in pairwise(made.beats))
    counts = made.ring.counts()
    assert counts.captured == counts.dropped[DropReason.UNDECODED] >= BLIND_S - 1
    assert counts.add_up


def test_a_picture_that_cannot_be_converted_is_dropped_and_ends_nothing(bench, monkeypatch):
    def refuse(frame: VideoFrame) -> None:
        raise av.error.OSError(errno.EOPNOTSUPP, "not supported")

    pictures = iter([[VideoFrame(64, 48, "yuv420p")]] * 3)
    monkeypatch.setattr("daemon.workers.camera.to_picture", refuse)
    made = bench(lambda packet: next(pictures, []))
    assert made.run() == EXIT_ENDED
    counts = made.ring.counts()
    assert (counts.dropped[DropReason.CORRUPT], counts.in_flight) == (3, 0)
    assert counts.add_up
