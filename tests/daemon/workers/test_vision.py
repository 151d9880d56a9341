"""The vision worker in this process, with real rings, real sockets and the real networks."""

import os
import time
from types import SimpleNamespace

import cv2
import msgspec
import numpy as np
import pytest
import zmq

from config import Settings, TrackingSettings
from daemon.closer import messages as closer
from daemon.closer.lender import cut
from daemon.frames import FRAMES_FOLDER, FrameRing, FrameTimes
from daemon.heartbeat import Heartbeat
from daemon.messages import (
    CameraJoined,
    CameraLeft,
    FaceObserved,
    Observation,
    TrackEnded,
    TracksInSight,
    decode_observation,
    decode_report,
    encode,
)
from daemon.operations.reporter import Reporter
from daemon.streams.pictures import Picture
from daemon.workers.task import VisionTask
from daemon.workers.vision import VisionWorker
from engine.images import YuvImage

WAIT_MS = 200
SETTINGS = Settings(tracking=TrackingSettings(lost_after_s=60))
"""This machine may be busy; nobody leaves the picture."""


class Bench:
    """A vision worker that looks when it is told to, and what it says."""

    def __init__(self, folder, engine, picture) -> None:
        self._engine, self._picture, self._folder = engine, picture, folder
        self.rings: dict[str, FrameRing] = {}
        self._context = zmq.Context()
        self._observations, self._reports = self._context.socket(zmq.PULL), self._context.socket(zmq.PULL)
        self._observations.bind(f"ipc://{folder}/observations")
        self._reports.bind(f"ipc://{folder}/reports")
        self.make_ring("door")
        task = VisionTask(
            settings="",
            rings={"door": str(self.rings["door"].path)},
            heartbeat=str(folder / "heartbeat"),
            frames=f"ipc://{folder}/frames",
            closer=f"ipc://{folder}/closer",
            observations=f"ipc://{folder}/observations",
            reports=f"ipc://{folder}/reports",
        )
        self._heartbeat = Heartbeat.create(folder / "heartbeat")
        self._reporter = Reporter(self._context, task.reports, "vision")
        self._worker = VisionWorker(task, SETTINGS, engine, self._heartbeat, self._reporter, self._context)
        self._frames = self._context.socket(zmq.PUSH)
        self._frames.connect(task.frames)

    def make_ring(self, camera: str, width: int = 640) -> str:
        if camera in self.rings:
            self.rings.pop(camera).close()
        self.rings[camera] = FrameRing.create(FRAMES_FOLDER, f"{os.getpid():08x}", camera, width, 640)
        return str(self.rings[camera].path)

    def show(self, *cameras: str) -> list[Observation]:
        """Puts the picture before cameras; returns what the worker says to it."""
        times = FrameTimes.now()
        return self.tell(
            *(self.rings[camera].write(self._picture, times, bt709=False, full_range=False) for camera in cameras)
        )

    def tell(self, *messages) -> list[Observation]:
        for message in messages:
            self._frames.send(encode(message))
            self._worker._receive(WAIT_MS)
        self._worker._look()
        self._worker._embedding.finish()
        self._worker._tell_figures()
        return self.heard()

    def heard(self) -> list[Observation]:
        said = []
        while self._observations.poll(WAIT_MS):
            said.append(decode_observation(self._observations.recv()))
        return [each for each in said if not isinstance(each, TracksInSight)]

    def report(self):
        assert self._reports.poll(2000)
        return decode_report(self._reports.recv())

    def close(self) -> None:
        self._worker.close()
        self._reporter.close()
        self._heartbeat.close()
        for channel in (self._frames, self._observations, self._reports):
            channel.close(linger=0)
        self._context.term()
        for ring in self.rings.values():
            ring.unlink()
            ring.close()


@pytest.fixture
def bench(tmp_path, face_engine, astronaut):
    height, width = astronaut.shape[:2]
    planes = cv2.cvtColor(astronaut, cv2.COLOR_BGR2YUV_I420).reshape(-1)
    y, u, v = np.split(planes, [height * width, height * width * 5 // 4])
    half = (height // 2, width // 2)
    bench = Bench(tmp_path, face_engine, [y.reshape(height, width), u.reshape(half), v.reshape(half)])
    yield bench
    bench.close()


def tracks(observations) -> set[tuple[str, str]]:
    return {(each.camera, each.track) for each in observations if isinstance(each, FaceObserved)}


def test_a_camera_that_joins_takes_nothing_from_the_others(bench):
    [(_, track)] = tracks(bench.show("door"))
    bench.tell(CameraJoined("yard", bench.make_ring("yard")))
    [(camera, other)] = tracks(bench.show("yard"))
    assert camera == "yard"
    assert other != track
    assert tracks(bench.show("door")) == {("door", track)}
    assert bench.rings["yard"].counts().analysed == 1


def test_crops_of_all_cameras_go_through_one_embedder(bench):
    bench.tell(CameraJoined("yard", bench.make_ring("yard")))
    bench.report()
    time.sleep(1.0)
    seen = tracks(bench.show("door", "yard"))
    assert {camera for camera, _ in seen} == {"door", "yard"}
    report = bench.report()
    assert report.gauges["batch_size"] == 1
    assert sum(count for name, count in report.counters.items() if name.startswith("batches.")) == 2
    assert report.gauges["batch_fill"] == round(1 / 8, 3)
    assert sum(report.histograms["wait_ms"].counts) == report.counters["crops.embedded"] == 2


def test_a_track_ends_after_its_last_crop_was_embedded(bench):
    token = bench.rings["door"].write(bench._picture, FrameTimes.now(), bt709=False, full_range=False)
    bench._worker._gather(bench._worker._crops_of(token))
    assert bench.heard() == []
    seen, ended = bench.tell(CameraLeft("door"))
    assert isinstance(seen, FaceObserved)
    assert isinstance(ended, TrackEnded)
    assert seen.track == ended.track


def test_a_camera_learns_how_many_faces_are_followed_before_it(bench):
    bench.tell(CameraJoined("yard", bench.make_ring("yard")))
    bench.show("door")
    assert (bench.rings["door"].followed, bench.rings["yard"].followed) == (1, 0)
    bench.tell(CameraLeft("door"))
    bench.tell(CameraJoined("door", str(bench.rings["door"].path)))
    assert bench.rings["door"].followed == 0


def test_an_embedder_that_goes_over_to_another_runtime_is_told_once(bench, face_engine, monkeypatch):
    other = SimpleNamespace(name="tensorrt", run=face_engine.embedder.runtime.run)
    before = face_engine.embedder.runtime.name
    bench.show("door")
    monkeypatch.setattr(face_engine.embedder, "runtime", other)
    time.sleep(1.0)
    [notice] = bench.tell()
    assert (notice.kind, notice.subject) == ("engine.state", SETTINGS.embedding.model)
    assert notice.detail == f"runs on tensorrt instead of {before}"
    time.sleep(1.0)
    assert bench.tell() == []


@pytest.mark.parametrize(("left", "right", "faces"), [(0, 0.5, 1), (0.5, 1, 0)], ids=["inside", "outside"])
def test_only_faces_in_the_cameras_regions_count(bench, left, right, faces):
    token = bench.rings["door"].write(bench._picture, FrameTimes.now(), bt709=False, full_range=False)
    region = ((left, 0), (right, 0), (right, 1), (left, 1))
    assert len(tracks(bench.tell(msgspec.structs.replace(token, regions=(region,))))) == faces
    assert bench.rings["door"].followed == faces
    assert bench.rings["door"].counts().analysed == 1
    assert bench.report().counters["crops.outside_regions"] == 1 - faces


def test_only_the_best_look_of_a_track_carries_its_crop(bench):
    looks = [look for _ in range(2) for look in bench.show("door") if isinstance(look, FaceObserved)]
    best = max(looks, key=lambda look: look.quality)
    assert best.crop.startswith(b"\xff\xd8\xff")
    assert cv2.imdecode(np.frombuffer(best.crop, np.uint8), cv2.IMREAD_COLOR).shape == (112, 112, 3)
    assert all(look.crop == b"" for look in looks if look.quality < best.quality)


def test_a_camera_that_leaves_ends_its_tracks_alone(bench):
    bench.tell(CameraJoined("yard", bench.make_ring("yard")))
    [(_, track)] = tracks(bench.show("yard"))
    [(_, other)] = tracks(bench.show("door"))
    [ended] = bench.tell(CameraLeft("yard"))
    assert isinstance(ended, TrackEnded)
    assert (ended.camera, ended.track) == ("yard", track)
    assert tracks(bench.show("door")) == {("door", other)}
    assert bench.show("yard") == []


def test_a_ring_of_another_size_takes_the_place_of_the_old_one(bench):
    bench.show("door")
    old = bench.rings["door"].write(bench._picture, FrameTimes.now(), bt709=False, full_range=False)
    path = bench.make_ring("door", width=1280)
    bench.tell(CameraLeft("door"))
    bench.tell(CameraJoined("door", path))
    bench.tell(old)  # was on its way when the ring was replaced
    assert bench.rings["door"].counts().captured == 0
    assert tracks(bench.show("door"))
    counts = bench.rings["door"].counts()
    assert (counts.captured, counts.analysed, counts.in_flight) == (1, 1, 0)


def test_a_camera_whose_ring_is_gone_again_is_passed_over(bench):
    assert bench.tell(CameraJoined("ghost", str(bench.rings["door"].path) + "-gone")) == []
    assert tracks(bench.show("door"))


class MainStream:
    """The camera worker's side: it lends parts of a picture."""

    def __init__(self, bench, picture) -> None:
        self._picture = picture
        self._socket = bench._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, b"door")
        self._socket.connect(f"ipc://{bench._folder}/closer")
        self._socket.send(closer.encode(closer.Offer()))

    def wanted(self) -> closer.Wanted | None:
        return closer.decode_wanted(self._socket.recv()) if self._socket.poll(2 * WAIT_MS) else None

    def answer(self, answer: closer.Answer) -> None:
        self._socket.send(closer.encode(answer))

    def lend(self, wanted: closer.Wanted) -> None:
        y, u, v = self._picture
        self.answer(cut(Picture((y, u, v), bt709=False, full_range=False), wanted))

    def close(self) -> None:
        self._socket.close(0)


@pytest.fixture
def main_stream(bench):
    """The bench's picture becomes that of the main stream; before the small one is a quarter of it."""
    main = MainStream(bench, bench._picture)
    small = YuvImage(*bench._picture, bt709=False, full_range=False).resized(128, 128)
    bench._picture = [small.y, small.u, small.v]
    bench.tell(CameraLeft("nobody"))  # a round in which the offer is heard
    yield main
    main.close()


def test_a_small_face_is_embedded_as_the_main_stream_shows_it(bench, main_stream):
    assert bench.show("door") == []
    main_stream.lend(main_stream.wanted())
    [look] = bench.tell(CameraLeft("nobody"))
    assert look.frame_size == (128, 128)
    assert look.quality > 0.5
    assert look.crop
    assert bench._worker._figures.closer == {"used": 1}
    assert bench._worker._figures.crops["embedded"] == 1


def test_a_small_face_is_embedded_as_it_is_where_the_main_stream_cannot_help(bench, main_stream):
    bench.show("door")
    main_stream.answer(closer.Refused(main_stream.wanted().number, "over_budget"))
    bench.tell(CameraLeft("nobody"))
    assert bench._worker._figures.closer == {"over_budget": 1}
    counts = bench._worker._figures.crops
    assert sum(counts.values()) == 1
    assert not main_stream.wanted()  # the same face is not asked for again at once
    bench.show("door")
    assert not main_stream.wanted()


def test_a_face_is_not_held_for_a_camera_worker_that_died(bench, main_stream):
    bench.show("door")
    time.sleep(0.6)
    bench.tell(CameraLeft("nobody"))
    assert bench._worker._figures.closer == {"late": 1}
    assert sum(bench._worker._figures.crops.values()) == 1


def test_it_tells_what_it_does(bench):
    bench.show("door")
    bench.report()
    time.sleep(1.0)
    bench.show("door")
    report = bench.report()
    assert (report.worker, report.counters["looks"], report.counters["faces"]) == ("vision", 2, 2)
    assert report.counters["crops.embedded"] == 2
    assert report.gauges["batch_size"] == 1
    assert report.gauges["detector.finder_v1"] == 1
    assert sum(report.histograms["latency_ms.door"].counts) == 2
    assert sum(report.histograms["look_ms"].counts) == 2
