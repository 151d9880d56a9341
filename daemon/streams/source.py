"""One open camera or file, frame by frame."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import av
import av.logging
from av import Packet, VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from daemon.frames import DropReason, FrameTimes
from daemon.streams.demand_decoder import DemandDecoder
from daemon.streams.faults import UNDECODABLE_CAUSE, Phase, SourceError, classify
from daemon.streams.media_time import MediaTime
from daemon.streams.stream_clock import StreamClock
from daemon.streams.stream_decoder import StreamDecoder
from daemon.workers.task import CameraTask

# libav's own log lines hold the address with the password. PyAV is silent as it comes; this keeps it so.
av.logging.set_level(None)

OPTIONS = {
    # 0.5 s instead of 5: a camera is open in 0.7 s instead of 3, and average_rate is still known.
    "rtsp": {"analyzeduration": "500000", "allowed_media_types": "video"},
    # A file must not make libav open something else, as a playlist could.
    "file": {"protocol_whitelist": "file"},
    "device": {},
}
PARSED = ("h264", "hevc")
"""Over RTSP, libav gives out a picture of these when the next one is there: it came when the one before was given."""
MOST_DAMAGED_PACKETS = 250
"""That many undecodable packets in a row, and the connection is made anew."""
SPARE_PICTURES = 4
"""A decoder may hold back so many beyond those that it puts in order, as one of a GPU does ..."""
PACKETS_OF_A_PICTURE = 2
"""... and an interlaced picture may come in two packets. A decoder that says nothing for longer has lost them."""
SMALLEST_PX = 32
"""Of either side. No face of a smaller picture can be recognised, and whoever shrinks one is left with nothing."""
BLIND_S = 30.0
"""So is it if packets come for so long, and no whole picture. Some cameras send a keyframe each 20 s."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a packet brought."""

    frame: VideoFrame | None
    """None: it could not be decoded, or not without visible damage."""
    times: FrameTimes
    """When the packet came: before it was decoded, so that a decoder that falls behind does not look punctual."""
    media_ns: int
    """Position from the first frame, as `MediaTime` tells it."""
    dated_ns: int | None
    """When it was captured, as far as `StreamClock` can tell from the stream's timestamps."""
    lost: DropReason = DropReason.CORRUPT
    """Of one without a frame: what it counts as."""


class _Silence:
    """Packets in a row for which a decoder gave neither a picture nor an error."""

    def __init__(self) -> None:
        self._packets = self._lost = 0

    def grow(self, held_back: int) -> int:
        """Takes one more, and how many a decoder may hold back; returns how many are lost that were not before."""
        self._packets += 1
        if self._packets <= held_back:
            return 0
        newly_lost, self._lost = self._packets - self._lost, self._packets
        return newly_lost


class Source:
    """Frames of a camera, a file or a device; a context manager that closes it."""

    def __init__(
        self,
        task: CameraTask,
        container: InputContainer,
        stream: VideoStream,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._task = task
        self._clock = clock
        self._container = container
        self._stream = stream
        self._media_time = MediaTime(stream.average_rate)
        self._dates = StreamClock()
        # More threads save no processor time, only delay, and there is a process for each camera.
        stream.codec_context.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        # Against a stream that grows later: its memory would be taken before a frame of it could be refused.
        stream.codec_context.options = _memory_bound(task)
        self._decoder = StreamDecoder(stream.codec_context, task.hwaccel)

    @classmethod
    def open(cls, task: CameraTask) -> Self:
        """Opens what the task names.

        Raises:
            SourceError: with the state of the camera and the cause.
        """
        # libav decodes a few frames in order to know the stream: a picture of 16384x16384 takes 400 MB.
        options = OPTIONS[task.kind] | _memory_bound(task)
        if task.kind == "rtsp":
            options["rtsp_transport"] = task.transport
        if task.tls_authority:
            options |= {"tls_verify": "1", "ca_file": task.tls_authority}
        with _faults(task, "opening", task.open_timeout_s):
            container = av.open(
                f"file:{task.address}" if task.kind == "file" else task.address,
                format="v4l2" if task.kind == "device" else None,
                options=options,
                timeout=(task.open_timeout_s, task.read_timeout_s),
                metadata_errors="replace",  # names in a file or of a camera need not be UTF-8
            )
        if not container.streams.video:
            container.close()
            raise SourceError("unsupported", "there is no video in it. Choose another stream in url")
        stream = container.streams.video[0]
        if stream.codec_context is None:  # libav has no decoder for what the camera says that it sends
            container.close()
            raise SourceError("unsupported", UNDECODABLE_CAUSE)
        return cls(task, container, stream)

    @property
    def codec(self) -> str:
        return str(self._stream.codec_context.name)

    @property
    def pixel_aspect(self) -> float:
        """Width of a pixel over its height; 1 where the stream does not say."""
        return float(self._stream.codec_context.sample_aspect_ratio or 1)

    @property
    def fallback(self) -> str:
        """Why the processor decodes though `hwaccel` wants a GPU, and what to do; empty if it does not."""
        return self._decoder.fallback

    def describe(self, frame: VideoFrame) -> str:
        """Returns its size and codec for people, and who decodes it if that is a question."""
        shown = f"{frame.width}x{frame.height} {self.codec}"
        if self._task.hwaccel == "none":
            return shown
        return f"{shown}, decoded by {self._decoder.accelerator or 'the processor'}"

    def frames(self, heard: Callable[[], None] = lambda: None) -> Iterator[Arrival]:
        """Yields every frame, in order of presentation; ends where the file or the connection ends.

        Args:
            heard: is called with each packet: for long, none may bring a frame.

        Raises:
            SourceError: with the state of the camera and the cause.
        """
        damaged, silence, seen_s = 0, _Silence(), self._clock()
        for packet, times in self.packets():
            heard()
            try:
                frames = self._decoder.decode(packet)
            except av.error.EOFError:
                return
            except av.error.FFmpegError as error:
                damaged += 1
                if damaged > MOST_DAMAGED_PACKETS:
                    raise SourceError("backoff", f"{damaged} damaged packets in a row") from error
                self._check_sight(seen_s)
                yield self._lost(times, DropReason.CORRUPT)
                continue
            if all(frame.is_corrupt for frame in frames):
                self._check_sight(seen_s)
            else:
                seen_s = self._clock()
            if frames:
                damaged, silence = 0, _Silence()
            elif packet.size:
                for _ in range(silence.grow(self._held_back)):
                    yield self._lost(times, DropReason.UNDECODED)
            for frame in frames:
                yield self._arrival(frame, times)

    def packets(self) -> Iterator[tuple["Packet[VideoStream]", FrameTimes]]:
        """Yields every packet as it arrives, without decoding it; the last one of a file is empty.

        Raises:
            SourceError: with the state of the camera and the cause.
        """
        self._check_size(self._stream.width, self._stream.height)
        packets, came_ns = self._container.demux(self._stream), 0
        while True:
            asked_s = self._clock()
            with _faults(self._task, "reading", self._task.read_timeout_s):
                packet = next(packets, None)
            if packet is None:
                return
            self._check_stall(asked_s)
            times = FrameTimes.now()
            self._dates.note(_timestamp_ns(packet), came_ns or times.captured_ns)
            if self._task.kind == "rtsp" and self.codec in PARSED:
                came_ns = times.captured_ns
            yield packet, times

    def date(self, packet: "Packet[VideoStream]") -> int | None:
        """Returns when a packet's picture was captured, see `StreamClock.when`."""
        return self._dates.when(_timestamp_ns(packet))

    def decoder(self) -> DemandDecoder:
        """Returns a decoder of its own for single frames of this stream."""
        return DemandDecoder(self.codec, self._stream.codec_context.extradata, _memory_bound(self._task))

    @property
    def _held_back(self) -> int:
        """Packets that a decoder may have taken without a picture, and still have all."""
        depth: int = self._stream.codec_context.reorder_depth
        return PACKETS_OF_A_PICTURE * (depth + SPARE_PICTURES)

    def _arrival(self, frame: VideoFrame, times: FrameTimes) -> Arrival:
        self._check_size(frame.width, frame.height)
        timestamp_ns = _timestamp_ns(frame)
        media_ns, dated_ns = self._media_time.advance(timestamp_ns), self._dates.when(timestamp_ns)
        return Arrival(None if frame.is_corrupt else frame, times, media_ns, dated_ns)

    def _lost(self, times: FrameTimes, reason: DropReason) -> Arrival:
        return Arrival(None, times, self._media_time.advance(None), None, reason)

    def _check_stall(self, asked_s: float) -> None:
        """Takes when the packet at hand was asked for."""
        waited_s = self._clock() - asked_s
        # At its first timeout, libav gives out a packet that it held back, and only at the second one an error.
        if self._task.kind != "file" and waited_s >= self._task.read_timeout_s:
            raise SourceError("stalled", f"no picture for {waited_s:.0f} s")

    def _check_sight(self, seen_s: float) -> None:
        """Takes when the last whole picture was there."""
        if self._task.kind != "file" and self._clock() - seen_s > BLIND_S:
            raise SourceError("stalled", f"data comes, but no whole picture for {BLIND_S:g} s")

    def _check_size(self, width: int, height: int) -> None:
        task = self._task
        if 0 < min(width, height) < SMALLEST_PX:  # 0: libav does not know yet
            cause = f"frames of {width}x{height} are too small to find faces in. Choose another stream in url"
            raise SourceError("unsupported", cause)
        if width > task.max_width_px or height > task.max_height_px:
            limits = f"cameras.{task.name}.max_width_px and max_height_px"
            largest = f"{task.max_width_px}x{task.max_height_px}"
            cause = f"frames of {width}x{height} are larger than {largest}. Raise {limits}"
            raise SourceError("unsupported", cause)

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _memory_bound(task: CameraTask) -> dict[str, str]:
    """Twice either side: what is a little too large is still decoded, so that it is refused with its size."""
    return {"max_pixels": str(4 * task.max_width_px * task.max_height_px)}


def _timestamp_ns(of: "VideoFrame | Packet[VideoStream]") -> int | None:
    if of.pts is None or of.time_base is None:
        return None
    return int(of.pts * of.time_base * 10**9)


@contextmanager
def _faults(task: CameraTask, phase: Phase, timeout_s: float) -> Iterator[None]:
    """Turns libav's errors into ours. Their text and their chain would show the address, so both end here."""
    started = time.monotonic()
    try:
        yield
    except av.error.FFmpegError as error:
        waited_s = time.monotonic() - started
        raise classify(
            error,
            phase,
            kind=task.kind,
            tls=task.address.startswith("rtsps:"),
            transport=task.transport,
            waited_s=waited_s,
            timeout_s=timeout_s,
        ) from None
