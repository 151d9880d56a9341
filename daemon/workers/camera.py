"""The camera worker: one process that reads one camera, and puts the frames to be analysed into its ring."""

import logging
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import av
import zmq
from av import VideoFrame

from config.errors import DeconvIDError
from daemon.closer.lender import Lender
from daemon.closer.main_stream import MainStream
from daemon.errors import FrameRingError
from daemon.exits import EXIT_CANNOT_OPEN, EXIT_ENDED, EXIT_FAILURE
from daemon.frames import DropReason, FrameRing, FrameTimes
from daemon.heartbeat import Heartbeat
from daemon.logs.redaction import secrets_of_address
from daemon.messages import CameraReport, CameraState
from daemon.operations.reporter import Reporter
from daemon.streams.attempts import Attempts
from daemon.streams.clocks import ArrivalClock, CaptureClock, MediaClock, PacedClock
from daemon.streams.faults import SourceError
from daemon.streams.motion import MotionGate
from daemon.streams.pictures import Picture, to_picture
from daemon.streams.privacy import PrivacyMasks
from daemon.streams.sampling import next_due
from daemon.streams.source import Arrival, Source
from daemon.workers.logs import set_up_worker_logging
from daemon.workers.outbox import Outbox
from daemon.workers.task import CameraTask, read_task, stop_on_sigterm

logger = logging.getLogger(__name__)

BEAT_S = 0.5
READER_PATIENCE_S = 10.0
"""How long a file waits for the vision worker, which may be restarting and have lost the token."""
POLL_S = 0.002


class CameraWorker:
    """Reads until it is stopped, or until the end of a file."""

    def __init__(
        self,
        task: CameraTask,
        ring: FrameRing,
        heartbeat: Heartbeat,
        outbox: Outbox,
        reporter: Reporter,
        stop: threading.Event,
        lender: Lender | None = None,
    ) -> None:
        self._task = task
        self._ring = ring
        self._heartbeat = heartbeat
        self._outbox = outbox
        self._reporter = reporter
        self._stop = stop
        self._lender = lender
        self._interval_ns = int(1e9 / task.detect_fps)
        self._due_ns = 0
        self._masks = PrivacyMasks(task.privacy_masks)
        self._gate = _motion_gate(task)
        self._state = CameraReport("connecting", "", time.time_ns())
        self._fallback = ""

    def run(self) -> int:
        """Returns the exit code of the process."""
        self._announce(self._state)
        self._beat()
        if self._task.kind == "file":
            return self._play_file()
        self._watch_camera()
        return EXIT_ENDED

    def _play_file(self) -> int:
        clock: CaptureClock = MediaClock() if self._task.fast else PacedClock(self._wait)
        try:
            with Source.open(self._task) as source:
                self._read(source, clock)
            if self._state.state != "streaming" and not self._stop.is_set():
                raise SourceError("unsupported", "no picture could be read from it. Check the file with ffprobe")
        except SourceError as error:
            self._report(error.state, str(error))
            logger.error("file_unusable camera=%s cause=%s", self._task.name, error)
            return EXIT_CANNOT_OPEN
        if not self._stop.is_set():
            self._wait_for_reader()
            self._report("ended")
        return EXIT_ENDED

    def _watch_camera(self) -> None:
        attempts = Attempts(self._task)
        while not self._stop.is_set():
            fault = attempts.attempt(lambda source: self._read(source, ArrivalClock()), self._beat)
            if self._stop.is_set():
                return
            delay_s = attempts.wait_s(fault)
            self._report(fault.state, str(fault))
            if not fault.away:
                logger.debug("camera_retry camera=%s retry_s=%.1f", self._task.name, delay_s)
            self._wait(delay_s)

    def _read(self, source: Source, clock: CaptureClock) -> None:
        self._beat()
        for arrival in source.frames(self._beat):
            if self._stop.is_set():
                return
            self._ring.note_arrival()
            times = clock.stamp(arrival.times, arrival.media_ns)
            if self._lender:
                self._lender.remember(times.captured_ns, arrival.dated_ns)
            if arrival.frame is not None:
                self._note_fallback(source.fallback)
                self._report("streaming", source.describe(arrival.frame))
            self._take(arrival, times)

    def _take(self, arrival: Arrival, times: FrameTimes) -> None:
        """Books every frame: it is either published or dropped for a reason."""
        if arrival.frame is None:
            self._ring.drop(arrival.lost)
        elif times.captured_ns < self._due_ns:
            self._ring.drop(DropReason.RATE)
        else:
            self._due_ns = next_due(self._due_ns, times.captured_ns, self._interval_ns)
            if self._task.fast:
                self._wait_for_reader()
            self._offer(arrival.frame, times)

    def _offer(self, frame: VideoFrame, times: FrameTimes) -> None:
        try:
            picture = to_picture(frame)
        except (av.FFmpegError, ValueError):  # its pixels are of a kind that cannot be converted
            self._ring.drop(DropReason.CORRUPT)
            return
        picture, gate = self._masks.hide(picture), self._gate
        luma = picture.planes[0]
        if gate and not gate.opens(luma, times.captured_ns, is_followed=self._ring.followed > 0):
            self._ring.drop(DropReason.STILL)
        elif self._publish(picture, times) and gate:
            gate.note_look()

    def _publish(self, picture: Picture, times: FrameTimes) -> bool:
        """Returns whether there was room for it."""
        try:
            token = self._ring.write(picture.planes, times, bt709=picture.bt709, full_range=picture.full_range)
        except FrameRingError as error:
            self._report("backoff", str(error))
            raise
        if token:
            self._outbox.announce(token)
        return token is not None

    def _note_fallback(self, cause: str) -> None:
        """Tells once why the processor decodes though a GPU was to; `auto` asks for one only where there is one."""
        if cause and cause != self._fallback:
            asked = self._task.hwaccel
            level = logging.INFO if asked == "auto" else logging.WARNING
            logger.log(level, "decoding_fallback camera=%s hwaccel=%s cause=%s", self._task.name, asked, cause)
        self._fallback = cause

    def _report(self, state: CameraState, detail: str = "") -> None:
        """Tells a change once, however often the camera is tried."""
        if (state, detail) != (self._state.state, self._state.detail):
            self._state = CameraReport(state, detail, time.time_ns())
            self._announce(self._state)

    def _announce(self, now: CameraReport) -> None:
        level = logging.INFO if now.state in ("connecting", "streaming", "ended") else logging.WARNING
        logger.log(level, "camera_state camera=%s state=%s detail=%s", self._task.name, now.state, now.detail or "-")
        self._outbox.report(now.state, now.detail)
        self._tell(at_once=True)

    def _beat(self) -> None:
        self._heartbeat.beat()
        self._tell()

    def _tell(self, at_once: bool = False) -> None:
        counters, gauges, ill = self._lender.figures() if self._lender else ({}, {}, "")
        if self._fallback and self._task.hwaccel != "auto":
            ill = "; ".join(filter(None, (f"decoded by the processor: {self._fallback}", ill)))
        self._reporter.report(counters=counters, gauges=gauges, camera=self._state, ill=ill, at_once=at_once)

    def _wait(self, seconds: float) -> None:
        """Sleeps with a beating heart; a stop ends it."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stop.wait(min(left, BEAT_S)):
            self._beat()

    def _wait_for_reader(self) -> None:
        until = time.monotonic() + READER_PATIENCE_S
        while self._ring.counts().in_flight and time.monotonic() < until and not self._stop.wait(POLL_S):
            self._beat()


def _motion_gate(task: CameraTask) -> MotionGate | None:
    if task.motion_sensitivity is None:
        return None
    return MotionGate(task.motion_sensitivity, task.still_look_s, task.regions)


def main() -> int:
    stop = stop_on_sigterm()
    task = read_task(CameraTask)
    secrets = (secret for address in (task.address, task.main_address) for secret in secrets_of_address(address))
    set_up_worker_logging(f"camera-{task.name}", secrets)
    try:
        ring = FrameRing.attach(Path(task.ring))
        ring.take_over_writing()
        with ExitStack() as stack:
            context = stack.enter_context(zmq.Context())
            outbox = stack.enter_context(Outbox(context, task))
            reporter = stack.enter_context(Reporter(context, task.reports, f"camera-{task.name}"))
            lender = stack.enter_context(Lender(context, task, MainStream(task, stop))) if task.main_address else None
            heartbeat = Heartbeat.open(Path(task.heartbeat))
            return CameraWorker(task, ring, heartbeat, outbox, reporter, stop, lender).run()
    except DeconvIDError as error:
        logger.error("camera_failed camera=%s cause=%s", task.name, error)
        return EXIT_FAILURE


if __name__ == "__main__":
    sys.exit(main())
