"""The main stream of a camera: only demuxed, into a packet ring; single frames are decoded when they are wanted."""

import logging
import threading
import time

import msgspec
from av import VideoFrame

from daemon.closer.budget import DecodeBudget
from daemon.closer.messages import Refusal
from daemon.errors import StreamError
from daemon.messages import CameraReport, CameraState
from daemon.streams.attempts import Attempts
from daemon.streams.demand_decoder import DemandDecoder, UndecodableError
from daemon.streams.packet_ring import NotInRing, PacketRing, Way
from daemon.streams.source import Source
from daemon.workers.task import CameraTask

logger = logging.getLogger(__name__)

PATIENCE_S = 0.25
"""How long a frame is waited for that has not come yet: a camera often sends the main stream a little later."""
POLL_S = 0.01


class RefusedError(StreamError):
    """The wanted frame is not to be had."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(f"no frame of the main stream ({reason})")
        self.reason: Refusal = reason


class MainStream:
    """Reads in a thread of its own until it is stopped. What ails it is told and tried again; it ends nobody.

    Args:
        task: of the camera.
        stop: ends it.
    """

    def __init__(self, task: CameraTask, stop: threading.Event) -> None:
        self._task, self._stop = msgspec.structs.replace(task, address=task.main_address), stop
        self._ring, self._budget = PacketRing(), DecodeBudget()
        self._decoder: DemandDecoder | None = None
        """Of the connection; None while there is none."""
        self.state = CameraReport("connecting", "", time.time_ns())
        self.packets = 0
        # A daemon thread: libav may hold it for longer than anybody wants to wait.
        self._reader = threading.Thread(target=self._watch, name=f"main stream {task.name}", daemon=True)
        self._reader.start()

    @property
    def held_bytes(self) -> int:
        return self._ring.held_bytes

    @property
    def decoded(self) -> int:
        """Packets that were decoded, or charged so."""
        return self._budget.spent

    def frame_at(self, dated_ns: int) -> VideoFrame:
        """Returns the frame that was captured nearest to a moment; for one thread.

        Args:
            dated_ns: the moment, as the small stream's clock dates it.

        Raises:
            RefusedError: with the reason.
        """
        until_s = time.monotonic() + PATIENCE_S
        while True:
            decoder = self._decoder
            if decoder is None:
                raise RefusedError("no_frame")
            try:
                way = self._ring.way_to(dated_ns)
            except NotInRing as miss:
                if miss.reason == "not_yet" and time.monotonic() < until_s and not self._stop.wait(POLL_S):
                    continue
                raise RefusedError("too_late" if miss.reason == "not_yet" else miss.reason) from None
            return self._decode(decoder, way)

    def _decode(self, decoder: DemandDecoder, way: Way) -> VideoFrame:
        if not self._budget.spend(decoder.steps(way)):
            raise RefusedError("over_budget")
        try:
            return decoder.decode(way)
        except UndecodableError:
            raise RefusedError("damaged") from None

    def _watch(self) -> None:
        attempts = Attempts(self._task)
        while not self._stop.is_set():
            fault = attempts.attempt(self._read, lambda: None)
            if not self._stop.is_set():
                self._report(fault.state, str(fault))
            self._stop.wait(attempts.wait_s(fault))

    def _read(self, source: Source) -> None:
        try:
            for packet, times in source.packets():
                if self._stop.is_set():
                    return
                if not packet.size:
                    continue
                self.packets += 1
                self._budget.earn()
                dated_ns = source.date(packet)
                self._ring.add(bytes(packet), dated_ns, times.captured_ns, is_keyframe=packet.is_keyframe)
                if self._decoder is None:
                    self._decoder = source.decoder()
                    self._report("streaming", source.codec)
        finally:
            self._decoder = None
            self._ring.clear()

    def _report(self, state: CameraState, detail: str) -> None:
        """Tells a change once, however often the stream is tried."""
        if (state, detail) != (self.state.state, self.state.detail):
            self.state = CameraReport(state, detail, time.time_ns())
            level = logging.INFO if state == "streaming" else logging.WARNING
            logger.log(level, "main_stream_state camera=%s state=%s detail=%s", self._task.name, state, detail)
