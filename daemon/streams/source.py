"""One open camera or file, frame by frame."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import av
import av.logging
from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from daemon.streams.faults import Phase, SourceError, classify
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
USUAL_FPS = 25
MOST_DAMAGED_PACKETS = 250
"""That many undecodable packets in a row, and the connection is made anew."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a packet brought."""

    frame: VideoFrame | None
    """None: it could not be decoded, or not without visible damage."""
    media_ns: int | None
    """Position from the first frame; None where the frame has no timestamp."""


class Source:
    """Frames of a camera, a file or a device; a context manager that closes it."""

    def __init__(self, task: CameraTask, container: InputContainer, stream: VideoStream) -> None:
        self._task = task
        self._container = container
        self._stream = stream
        self._first_pts: int | None = None
        self._decoded = 0
        # More threads save no processor time, only delay, and there is a process for each camera.
        stream.codec_context.thread_type = "NONE"
        stream.codec_context.thread_count = 1

    @classmethod
    def open(cls, task: CameraTask) -> Self:
        """Opens what the task names.

        Raises:
            SourceError: with the state of the camera and the cause.
        """
        options = dict(OPTIONS[task.kind])
        if task.kind == "rtsp":
            options["rtsp_transport"] = task.transport
        with _faults(task, "opening", task.open_timeout_s):
            container = av.open(
                f"file:{task.address}" if task.kind == "file" else task.address,
                format="v4l2" if task.kind == "device" else None,
                options=options,
                timeout=(task.open_timeout_s, task.read_timeout_s),
            )
        if not container.streams.video:
            container.close()
            raise SourceError("unsupported", "there is no video in it. Choose another stream in url")
        return cls(task, container, container.streams.video[0])

    @property
    def codec(self) -> str:
        return str(self._stream.codec_context.name)

    def frames(self) -> Iterator[Arrival]:
        """Yields every frame, in order of presentation; ends where the file or the connection ends.

        Raises:
            SourceError: with the state of the camera and the cause.
        """
        damaged = 0
        packets = self._container.demux(self._stream)
        while True:
            # A read that times out has taken twice as long: libav first gives out a picture that it held back.
            with _faults(self._task, "reading", self._task.read_timeout_s):
                packet = next(packets, None)
            if packet is None:
                return
            try:
                frames = packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError as error:
                damaged += 1
                if damaged > MOST_DAMAGED_PACKETS:
                    raise SourceError("backoff", f"{damaged} damaged packets in a row") from error
                yield Arrival(frame=None, media_ns=None)
                continue
            for frame in frames:
                damaged = 0
                yield self._arrival(frame)

    def _arrival(self, frame: VideoFrame) -> Arrival:
        if frame.is_corrupt:
            return Arrival(frame=None, media_ns=None)
        task = self._task
        if frame.width > task.max_width_px or frame.height > task.max_height_px:
            limits = f"cameras.{task.name}.max_width_px and max_height_px"
            largest = f"{task.max_width_px}x{task.max_height_px}"
            cause = f"frames of {frame.width}x{frame.height} are larger than {largest}. Raise {limits}"
            raise SourceError("unsupported", cause)
        self._decoded += 1
        if frame.pts is None or frame.time_base is None:
            return Arrival(frame, self._time_by_count())
        if self._first_pts is None:
            self._first_pts = frame.pts
        return Arrival(frame, int((frame.pts - self._first_pts) * frame.time_base * 10**9))

    def _time_by_count(self) -> int | None:
        """A bare elementary stream in a file has a frame rate at best. A camera's frames have their arrival."""
        if self._task.kind != "file":
            return None
        return int((self._decoded - 1) / (self._stream.average_rate or USUAL_FPS) * 10**9)

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _faults(task: CameraTask, phase: Phase, timeout_s: float) -> Iterator[None]:
    """Turns libav's errors into ours. Their text and their chain would show the address, so both end here."""
    started = time.monotonic()
    try:
        yield
    except av.error.FFmpegError as error:
        waited_s = time.monotonic() - started
        raise classify(error, phase, kind=task.kind, waited_s=waited_s, timeout_s=timeout_s) from None
