"""The vision worker: newest frame of each camera -> faces -> tracks -> embeddings of the crops that are worth it.

One round looks at cameras that have a new frame, in turn. Their crops go through the embedder in a thread of its own:
those that come while it works make the next batch.
"""

import logging
import secrets
import sys
import threading
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import cv2
import msgspec
import numpy as np
import zmq
from numpy.typing import NDArray

from config import DeconvIDError, Settings
from daemon.closer.desk import CloserDesk
from daemon.embedding import EmbeddingDesk
from daemon.errors import FrameRingError
from daemon.events.sockets import bind_private
from daemon.exits import EXIT_CANNOT_BOOT, EXIT_ENDED, EXIT_FAILURE
from daemon.frames import FrameRing, LeasedFrame, Outcome, StaleFrame
from daemon.heartbeat import Heartbeat
from daemon.messages import (
    CameraJoined,
    CameraLeft,
    FrameToken,
    Notice,
    Observation,
    TrackEnded,
    TracksInSight,
    decode_frame_message,
    encode,
)
from daemon.operations.reporter import Reporter
from daemon.regions import faces_in_regions
from daemon.tracking import Tracker
from daemon.turns import Turns
from daemon.view import CameraView, Crop
from daemon.workers.logs import set_up_worker_logging
from daemon.workers.task import VisionTask, read_task, stop_on_sigterm
from daemon.workers.vision_figures import VisionFigures
from engine import Detections, FaceEngine, ModelError, RuntimeUnavailableError

logger = logging.getLogger(__name__)

WAIT_MS = 100
"""Longest wait for a frame before the heartbeat is given and lost tracks are ended."""
ROUND_S = 0.1
"""After so long a round ends: there may be newer frames than those that wait."""
LOG_S = 60.0
TELL_S = 1.0
LINGER_MS = 2000
"""How long the last observations may take to be delivered when the worker ends."""


class VisionWorker:
    def __init__(
        self,
        task: VisionTask,
        settings: Settings,
        engine: FaceEngine,
        heartbeat: Heartbeat,
        reporter: Reporter,
        context: "zmq.Context[zmq.Socket[bytes]]",
    ) -> None:
        self._settings, self._engine, self._heartbeat, self._reporter = settings, engine, heartbeat, reporter
        self._figures = VisionFigures()
        self._runtime = engine.embedder.runtime.name
        self._logged_s = time.monotonic()
        self._told_s = -TELL_S
        # Track names are unique over restarts: a random part for each process, and a count.
        self._session, self._numbers = secrets.token_hex(3), count(1)
        self._rings: dict[str, FrameRing] = {}
        self._views: dict[str, CameraView] = {}
        self._turns = Turns()
        self._embedding = EmbeddingDesk(
            engine.embedder, self._figures, self._recognise, settings.strangers.enabled, self._send
        )
        for camera, ring in task.rings.items():
            self._join(camera, Path(ring))
        self._frames = context.socket(zmq.PULL)
        bind_private(self._frames, task.frames)
        self._closer = CloserDesk(context, task.closer, engine.detector, self._figures.closer)
        self._arrivals = zmq.Poller()
        for channel in (self._frames, self._closer.socket, self._embedding.answered):
            self._arrivals.register(channel, zmq.POLLIN)
        self._observations = context.socket(zmq.PUSH)
        self._observations.connect(task.observations)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if not self._embedding.is_stuck:
                self._heartbeat.beat()
            self._receive(0 if self._turns and not self._embedding.is_behind else WAIT_MS)
            self._look()
            self._end_lost_tracks()
            self._tell_tracks_in_sight()
            self._tell_figures()
        self._receive(0)
        while self._turns:
            self._embedding.finish()
            self._look()
        self._embedding.finish()
        for view in self._views.values():
            self._send_ends(view.end_all())

    def close(self) -> None:
        self._embedding.close()
        self._frames.close(linger=0)
        self._closer.close()
        self._observations.close(linger=LINGER_MS)
        for ring in self._rings.values():
            ring.close()

    def _join(self, camera: str, path: Path) -> None:
        """Raises FrameRingError: the ring cannot be opened."""
        ring = FrameRing.attach(path)
        # This process is the ring's only reader: a lease that exists now belongs to a predecessor that died.
        ring.clear_leases()
        ring.note_followed(0)
        self._rings[camera] = ring
        tracker = Tracker(
            lambda: f"{self._session}-{next(self._numbers)}",
            self._settings.tracking.lost_after_s,
            self._settings.tracking.return_s,
            self._engine.embedder.threshold,
        )
        self._views[camera] = CameraView(camera, tracker, self._settings, self._figures.crops)

    def _leave(self, camera: str) -> None:
        self._embedding.finish()  # what is under way may still say who somebody is
        self._send_ends(self._views.pop(camera).end_all())
        self._rings.pop(camera).close()
        self._figures.forget(camera)

    def _receive(self, wait_ms: int) -> None:
        """Takes in what has come; waits for the first frame if none has."""
        while self._frames in dict(self._arrivals.poll(wait_ms)):
            try:
                message = decode_frame_message(self._frames.recv())
            except (msgspec.DecodeError, UnicodeDecodeError):
                self._figures.counts["bad_messages"] += 1
                continue
            match message:
                case FrameToken() if message.camera in self._rings:
                    self._turns.add(message)
                    wait_ms = 0
                case CameraJoined() if message.camera not in self._rings:
                    self._join_late(message)
                case CameraLeft() if message.camera in self._rings:
                    self._turns.forget(message.camera)
                    self._leave(message.camera)

    def _join_late(self, message: CameraJoined) -> None:
        try:
            self._join(message.camera, Path(message.ring))
        except FrameRingError as error:  # the next reload was faster, and its word is on the way
            logger.warning("camera_not_joined camera=%s cause='%s'", message.camera, error)

    def _look(self) -> None:
        """One round: cameras' frames through the detector, and their faces on their way through the embedder."""
        self._gather([])  # faces that waited for a closer look
        ends_s = time.monotonic() + ROUND_S
        while self._turns and not self._embedding.is_behind and time.monotonic() < ends_s:
            self._gather(self._crops_of(self._turns.take()))
            self._embedding.go_on()
        self._embedding.go_on()

    def _gather(self, crops: Sequence[Crop]) -> None:
        for crop in self._closer.exchange(crops):
            if settled := self._settled(crop):
                self._embedding.put(settled)

    def _crops_of(self, token: FrameToken) -> list[Crop]:
        """Analyses one frame. Should it change under our hands, which the lease prevents, it is stale, never wrong."""
        ring, view = self._rings[token.camera], self._views[token.camera]
        crops: list[Crop] = []
        try:
            with ring.lease(token) as frame:
                detections = self._in_regions(self._detect(frame), token, frame)
                if frame.still_valid():
                    crops = view.see(frame, detections, self._closer.serves(token.camera))
                    ring.note_followed(view.followed)
                outcome = Outcome.ANALYSED if frame.still_valid() else Outcome.STALE
                self._figures.latency_ms[token.camera].add((time.monotonic_ns() - frame.captured_ns) / 1e6)
        except StaleFrame:
            outcome = Outcome.STALE
        ring.consume(token.sequence, outcome)
        return crops if outcome is Outcome.ANALYSED else []

    def _settled(self, crop: Crop) -> Crop | None:
        if not crop.wants_closer:
            return crop
        view = self._views.get(crop.camera)
        return view.settle(crop) if view else None

    def _recognise(self, crop: Crop, embedding: NDArray[np.float32]) -> str:
        view = self._views.get(crop.camera)
        return view.recognise(crop, embedding) if view else crop.track

    def _detect(self, frame: LeasedFrame) -> Detections:
        """Returns the faces of a frame, in its own pixels."""
        started_s = time.monotonic()
        [found] = self._engine.detector.detect([frame.image])
        self._figures.look_ms.add((time.monotonic() - started_s) * 1e3)
        self._figures.counts.update(looks=1, faces=len(found))
        return found

    def _in_regions(self, found: Detections, token: FrameToken, frame: LeasedFrame) -> Detections:
        counting = faces_in_regions(token.regions, found, frame.image.width, frame.image.height)
        self._figures.crops["outside_regions"] += len(found) - len(counting)
        return counting

    def _end_lost_tracks(self) -> None:
        for camera, view in self._views.items():
            self._send_ends(view.ended())
            self._rings[camera].note_followed(view.followed)

    def _tell_tracks_in_sight(self) -> None:
        if time.monotonic() - self._told_s > TELL_S:
            self._told_s = time.monotonic()
            self._send([TracksInSight({camera: view.embedded_tracks for camera, view in self._views.items()})])

    def _send_ends(self, ends: Sequence[TrackEnded]) -> None:
        """Whoever has left was seen before: first goes what waits."""
        if ends:
            self._embedding.finish()
        self._send(ends)

    def _send(self, observations: Sequence[Observation]) -> None:
        for observation in observations:
            try:
                self._observations.send(encode(observation), zmq.NOBLOCK)
            except zmq.Again:
                # The identity worker has been away for a thousand messages; faces that still are there come again.
                self._figures.counts["identity_worker_away"] += 1

    def _tell_figures(self) -> None:
        if self._reporter.is_due:
            # The runtime may be another one by now: a compiled network takes over when it is ready.
            runtime = self._engine.embedder.runtime.name
            self._tell_runtime(runtime)
            networks = {"detector": self._settings.detection.model, "embedder": self._settings.embedding.model}
            gauges = [f"{what}.{name}" for what, name in {**networks, "runtime": runtime}.items()]
            self._figures.tell(self._reporter, len(self._rings), dict.fromkeys(gauges, 1.0))
        if time.monotonic() - self._logged_s > LOG_S:
            self._logged_s = time.monotonic()
            logger.info("crops %s", " ".join(f"{name}={n}" for name, n in sorted(self._figures.crops.items())))

    def _tell_runtime(self, runtime: str) -> None:
        """Says that the embedder went over to another runtime; why is in the log."""
        if runtime != self._runtime:
            detail = f"runs on {runtime} instead of {self._runtime}"
            self._send([Notice("engine.state", self._settings.embedding.model, detail, "daemon", time.time_ns())])
            self._runtime = runtime


def main() -> int:
    stop = stop_on_sigterm()
    task = read_task(VisionTask)
    set_up_worker_logging("vision")
    heartbeat = Heartbeat.open(Path(task.heartbeat))
    settings = Settings.model_validate_json(task.settings)
    # The pictures are small; the cores are for decoding and for the networks, which have threads of their own.
    cv2.setNumThreads(1)
    with zmq.Context() as context, Reporter(context, task.reports, "vision") as reporter:
        try:
            engine = FaceEngine.load(settings, compiles=True)
            worker = VisionWorker(task, settings, engine, heartbeat, reporter, context)
        except (ModelError, RuntimeUnavailableError) as error:
            logger.error("vision_cannot_boot cause=%s", error)
            return EXIT_CANNOT_BOOT
        except DeconvIDError as error:
            logger.error("vision_cannot_start cause=%s", error)
            return EXIT_FAILURE
        try:
            worker.run(stop)
        finally:
            worker.close()
    return EXIT_ENDED


if __name__ == "__main__":
    sys.exit(main())
