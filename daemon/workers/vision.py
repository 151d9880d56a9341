"""The vision worker: newest frame of each camera -> faces -> tracks -> embeddings of the crops that are worth it.

One round looks at every camera that has a new frame: all pictures go through the detector together and all crops
of all cameras through the embedder together.
"""

import logging
import secrets
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import zmq
from numpy.typing import NDArray

from config import DeconvIDError, Settings
from daemon.exits import EXIT_CANNOT_BOOT, EXIT_ENDED
from daemon.frames import FrameRing, LeasedFrame, Outcome, StaleFrame
from daemon.heartbeat import Heartbeat
from daemon.messages import FaceObserved, FrameToken, Observation, TrackEnded, decode_token, encode
from daemon.tracking import Track, Tracker
from daemon.workers.logs import set_up_worker_logging
from daemon.workers.task import VisionTask, read_task, stop_on_sigterm
from engine import Detections, FaceEngine
from engine.alignment import align_yuv
from engine.quality import measure_quality

logger = logging.getLogger(__name__)

WAIT_MS = 100
"""Longest wait for a frame before the heartbeat is given and lost tracks are ended."""

REPORT_S = 60.0

FIRST_LOOKS = 3
"""A new track is embedded in so many of its frames at once, so that its first decision comes soon."""

CLEARLY_BETTER = 1.25
"""A crop is clearly better if its quality exceeds the track's best one by this factor."""


@dataclass(slots=True)
class Looks:
    """What has been embedded of one track."""

    embedded: int = 0
    best_quality: float = 0.0
    last_s: float = -np.inf


@dataclass(slots=True)
class CameraView:
    """What the worker knows of one camera."""

    ring: FrameRing
    tracker: Tracker
    looks: dict[str, Looks] = field(default_factory=dict)
    captured_s: float = 0.0
    """Capture time of the newest frame, in the camera's clock."""
    arrived_s: float = 0.0
    """When this worker got it, monotonic."""
    wall_minus_captured_ns: int = 0

    def now_s(self) -> float:
        """The camera's clock now; it runs on while no frame comes."""
        return self.captured_s + time.monotonic() - self.arrived_s


@dataclass(frozen=True, slots=True)
class Crop:
    """A face that is about to be embedded."""

    camera: str
    track: Track
    captured_ns: int
    captured_wall_ns: int
    frame_size: tuple[int, int]
    box: NDArray[np.float32]
    score: float
    quality: float
    pixels: NDArray[np.uint8]
    """(112, 112, 3) BGR."""


def worth_embedding(looks: Looks, quality: float, now_s: float, refresh_s: float) -> bool:
    """Whether another embedding of this track would tell something new."""
    return (
        looks.embedded < FIRST_LOOKS
        or quality > looks.best_quality * CLEARLY_BETTER
        or now_s - looks.last_s >= refresh_s
    )


class VisionWorker:
    def __init__(
        self,
        task: VisionTask,
        settings: Settings,
        engine: FaceEngine,
        heartbeat: Heartbeat,
        context: "zmq.Context[zmq.Socket[bytes]]",
    ) -> None:
        self._settings, self._engine, self._heartbeat = settings, engine, heartbeat
        names = count(1)
        session = secrets.token_hex(3)
        self._views = {
            camera: CameraView(
                FrameRing.attach(Path(ring)),
                Tracker(lambda: f"{session}-{next(names)}", settings.tracking.lost_after_s),
            )
            for camera, ring in task.rings.items()
        }
        for view in self._views.values():
            # This process is the rings' only reader: a lease that exists now belongs to a predecessor that died.
            view.ring.clear_leases()
        self._frames = context.socket(zmq.PULL)
        self._frames.bind(task.frames)
        self._observations = context.socket(zmq.PUSH)
        self._observations.connect(task.observations)
        self._crops: Counter[str] = Counter()
        self._reported_s = time.monotonic()

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._heartbeat.beat()
            self._look(self._newest_tokens(WAIT_MS))
            self._end_lost_tracks()
            self._report()
        self._look(self._newest_tokens(0))
        self._end_all_tracks()

    def close(self) -> None:
        self._frames.close(linger=0)
        self._observations.close(linger=2000)
        for view in self._views.values():
            view.ring.close()

    def _newest_tokens(self, wait_ms: int) -> list[FrameToken]:
        """Returns the newest token of each camera; older ones are accounted for by the gap in the sequence."""
        newest: dict[str, FrameToken] = {}
        if self._frames.poll(wait_ms):
            while True:
                try:
                    token = decode_token(self._frames.recv(zmq.NOBLOCK))
                except zmq.Again:
                    break
                newest[token.camera] = token
        return list(newest.values())

    def _look(self, tokens: list[FrameToken]) -> None:
        """One round: every camera's frame through the detector, every worthwhile crop through the embedder."""
        crops: list[Crop] = []
        with ExitStack() as leases:
            frames = self._lease(tokens, leases)
            found = self._detect(list(frames.values()))
            for (camera, frame), detections in zip(frames.items(), found, strict=True):
                crops += self._choose_crops(camera, frame, detections)
                self._views[camera].ring.consume(frame.sequence, Outcome.ANALYSED)
        self._embed(crops)

    def _lease(self, tokens: list[FrameToken], leases: ExitStack) -> dict[str, LeasedFrame]:
        frames: dict[str, LeasedFrame] = {}
        for token in tokens:
            ring = self._views[token.camera].ring
            try:
                frames[token.camera] = leases.enter_context(ring.lease(token))
            except StaleFrame:
                ring.consume(token.sequence, Outcome.STALE)
        return frames

    def _detect(self, frames: list[LeasedFrame]) -> list[Detections]:
        """Returns the faces of each frame, in its own pixels."""
        pictures, scales = [], []
        for frame in frames:
            height, width = frame.image.y.shape
            scale = min(1.0, self._settings.detection.size_px / max(height, width))
            small = frame.image.resized(round(width * scale), round(height * scale)) if scale < 1 else frame.image
            pictures.append(small.to_bgr())
            scales.append(scale)
        found = self._engine.detector.detect(pictures) if pictures else []
        return [detections.scaled(1 / scale) for detections, scale in zip(found, scales, strict=True)]

    def _choose_crops(self, camera: str, frame: LeasedFrame, detections: Detections) -> list[Crop]:
        view, settings = self._views[camera], self._settings
        now_s = frame.captured_ns / 1e9
        view.captured_s, view.arrived_s = now_s, time.monotonic()
        view.wall_minus_captured_ns = frame.captured_wall_ns - frame.captured_ns
        tracks = view.tracker.update(detections, now_s)
        large = np.flatnonzero(detections.sides >= settings.detection.smallest_face_px)
        self._crops["small_box"] += len(detections) - len(large)
        if not len(large):
            return []
        pixels = align_yuv(frame.image, detections.landmarks[large])
        quality_of = measure_quality(pixels, detections[large])
        height, width = frame.image.y.shape
        chosen = []
        for i, quality, fault, crop in zip(large, quality_of.values, quality_of.faults, pixels, strict=True):
            if quality < settings.tracking.least_quality:
                self._crops[fault.value] += 1
                continue
            looks = view.looks.setdefault(tracks[i].name, Looks())
            if not worth_embedding(looks, quality, now_s, settings.tracking.refresh_s):
                self._crops["not_needed"] += 1
                continue
            looks.embedded += 1
            looks.last_s, looks.best_quality = now_s, max(looks.best_quality, float(quality))
            chosen.append(
                Crop(
                    camera,
                    tracks[i],
                    frame.captured_ns,
                    frame.captured_wall_ns,
                    (width, height),
                    detections.boxes[i],
                    float(detections.scores[i]),
                    float(quality),
                    crop,
                )
            )
        return chosen

    def _embed(self, crops: list[Crop]) -> None:
        if not crops:
            return
        embeddings = self._engine.embedder.embed(np.stack([crop.pixels for crop in crops]))
        self._crops["embedded"] += len(crops)
        for crop, embedding in zip(crops, embeddings, strict=True):
            x1, y1, x2, y2 = (float(v) for v in crop.box)
            self._send(
                FaceObserved(
                    camera=crop.camera,
                    track=crop.track.name,
                    captured_ns=crop.captured_ns,
                    captured_wall_ns=crop.captured_wall_ns,
                    box=(x1, y1, x2, y2),
                    frame_size=crop.frame_size,
                    detector_score=crop.score,
                    quality=crop.quality,
                    embedding=embedding.astype("<f4").tobytes(),
                    model=self._engine.embedder.digest,
                    crop=cv2.imencode(".jpg", crop.pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes(),
                )
            )

    def _end_lost_tracks(self) -> None:
        for camera, view in self._views.items():
            self._end(camera, view, view.tracker.end_lost(view.now_s()))

    def _end_all_tracks(self) -> None:
        for camera, view in self._views.items():
            self._end(camera, view, view.tracker.end_lost(np.inf))

    def _end(self, camera: str, view: CameraView, tracks: list[Track]) -> None:
        for track in tracks:
            if view.looks.pop(track.name, None) is None:
                continue  # never embedded: nobody was told of it
            first, last = (int(s * 1e9) + view.wall_minus_captured_ns for s in (track.first_seen_s, track.seen_s))
            self._send(TrackEnded(camera, track.name, first, last))

    def _send(self, observation: Observation) -> None:
        try:
            self._observations.send(encode(observation), zmq.NOBLOCK)
        except zmq.Again:
            # The identity worker has been away for a thousand messages; faces that still are there come again.
            self._crops["identity_worker_away"] += 1

    def _report(self) -> None:
        if time.monotonic() - self._reported_s > REPORT_S:
            self._reported_s = time.monotonic()
            logger.info("crops %s", " ".join(f"{name}={n}" for name, n in sorted(self._crops.items())))


def main() -> int:
    stop = stop_on_sigterm()
    task = read_task(VisionTask)
    set_up_worker_logging("vision")
    heartbeat = Heartbeat.open(Path(task.heartbeat))
    settings = Settings.model_validate_json(task.settings)
    # The pictures are small; the cores are for decoding and for the networks, which have threads of their own.
    cv2.setNumThreads(1)
    with zmq.Context() as context:
        try:
            engine = FaceEngine.load(settings)
            worker = VisionWorker(task, settings, engine, heartbeat, context)
        except DeconvIDError as error:
            logger.error("vision_cannot_start cause=%s", error)
            return EXIT_CANNOT_BOOT
        try:
            worker.run(stop)
        finally:
            worker.close()
    return EXIT_ENDED


if __name__ == "__main__":
    sys.exit(main())
