"""Decodes one stream: with the GPU where that is wanted, else, or when that fails, with the processor."""

from collections.abc import Callable

import av.error
from av import Packet, VideoFrame
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from daemon.streams.accelerators import ACCELERATORS, Accelerator, AcceleratorError, accelerated
from daemon.streams.faults import reason
from daemon.workers.task import Hwaccel

Accelerate = Callable[[str, Accelerator], VideoCodecContext]
"""Makes a GPU's decoder, as `accelerated` does."""
MOST_FRUITLESS_PACKETS = 25
"""That many without a picture, from a keyframe on, and the GPU is given up: before the connection would be."""
REFUSAL = "does not take this stream, by its size or profile. Set the camera to 4:2:0 with 8 bits, or hwaccel to none"


class StreamDecoder:
    """Takes a GPU at the first packet, so that who decodes nothing takes none.

    A GPU that fails is not asked again: the processor goes on, from the next keyframe.

    Args:
        processor: the stream's own decoder, not opened yet.
        wanted: `cameras.NAME.hwaccel`.
        accelerate: makes a GPU's decoder.
    """

    def __init__(self, processor: VideoCodecContext, wanted: Hwaccel, accelerate: Accelerate = accelerated) -> None:
        self._processor = processor
        self._accelerate = accelerate
        self._wanted = wanted
        self._untried: tuple[Accelerator, ...] = ()
        if wanted != "none":
            self._untried = ACCELERATORS if wanted == "auto" else (wanted,)
        self._gpu: _GpuDecoder | None = None
        self._cause = ""

    @property
    def accelerator(self) -> Accelerator | None:
        """Which one decodes; None: the processor does."""
        return self._gpu.accelerator if self._gpu and not self._gpu.refuses else None

    @property
    def fallback(self) -> str:
        """Why the processor decodes though it was not to, and what to do; empty if nothing of the kind happened."""
        if self._gpu and self._gpu.refuses:
            return f"{self._gpu.accelerator} {REFUSAL}"
        return self._cause

    def decode(self, packet: "Packet[VideoStream]") -> list[VideoFrame]:
        """Returns the frames that are ready with this packet.

        Raises:
            av.error.FFmpegError: the packet is damaged, or the stream has ended.
        """
        if self._untried:
            self._take_gpu()
        if self._gpu:
            try:
                return self._gpu.decode(packet)
            except AcceleratorError as error:
                self._cause, self._gpu = str(error), None
        return self._processor.decode(packet)

    def _take_gpu(self) -> None:
        untried, self._untried = self._untried, ()
        for accelerator in untried:
            try:
                context = self._accelerate(self._processor.codec.canonical_name, accelerator)
            except AcceleratorError as error:
                self._cause = str(error)
                continue
            self._gpu, self._cause = _GpuDecoder(accelerator, _alike(context, self._processor)), ""
            return
        if self._wanted == "auto":
            self._cause = "no GPU here decodes such a stream. Run `deconvid doctor` to see why"


class _GpuDecoder:
    def __init__(self, accelerator: Accelerator, context: VideoCodecContext) -> None:
        self.accelerator = accelerator
        self._context = context
        self._fruitless = 0

    @property
    def refuses(self) -> bool:
        """Whether libav decodes on the processor in its stead; it knows at the first keyframe."""
        return self._context.pix_fmt != self.accelerator

    def decode(self, packet: "Packet[VideoStream]") -> list[VideoFrame]:
        if packet.is_keyframe or self._fruitless:
            self._fruitless += 1
        # Where libav decodes in its stead, no picture means that the stream is damaged: another decoder would not help.
        if self._fruitless > MOST_FRUITLESS_PACKETS and not self.refuses:
            raise self._failure("no picture; the stream may be damaged")
        try:
            frames = self._context.decode(packet)
        except (av.error.InvalidDataError, av.error.EOFError):
            raise
        except av.error.FFmpegError as error:
            raise self._failure(reason(error)) from None
        if frames:
            self._fruitless = 0
        return frames

    def _failure(self, why: str) -> AcceleratorError:
        fix = "Look for the cause in the kernel's log; the next connection tries it again"
        return AcceleratorError(f"{self.accelerator} failed while it decoded ({why}). {fix}")


def _alike(context: VideoCodecContext, processor: VideoCodecContext) -> VideoCodecContext:
    """Returns the context with what the container says of the stream, and with our bounds."""
    if processor.extradata:
        context.extradata = processor.extradata
    context.reorder_depth = processor.reorder_depth
    context.thread_type, context.thread_count = processor.thread_type, processor.thread_count
    context.options = context.options | processor.options
    return context
