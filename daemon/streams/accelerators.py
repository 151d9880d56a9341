"""Decoders of GPUs: which there are, and why one cannot be used."""

from typing import Literal, get_args

import av
from av import CodecContext
from av.codec.codec import UnknownCodecError
from av.codec.hwaccel import HWAccel
from av.video.codeccontext import VideoCodecContext

from daemon.errors import StreamError
from daemon.streams.faults import reason

Accelerator = Literal["cuda", "vaapi", "qsv"]
"""As libav calls both the device and the pixel format of what it decodes."""
ACCELERATORS: tuple[Accelerator, ...] = get_args(Accelerator)
"""In the order in which `auto` tries them."""
PROBED_CODEC = "h264"
"""Who decodes anything decodes this."""
DRI_FIX = "Install the GPU's VA-API driver, and let the daemon's user open /dev/dri/renderD128 (group render)"
OPENING_FIX: dict[Accelerator, str] = {
    "cuda": "Install NVIDIA's driver, and let the daemon's user use it; a container needs "
    "NVIDIA_DRIVER_CAPABILITIES=video as well",
    "vaapi": DRI_FIX,
    "qsv": DRI_FIX,
}


class AcceleratorError(StreamError):
    """It cannot decode, or not any more; says why, and then, as a sentence of its own, what to do."""


def accelerated(codec: str, accelerator: Accelerator) -> VideoCodecContext:
    """Returns a decoder, not opened yet; its frames come in memory, mostly as nv12.

    What the GPU refuses when it sees the stream, libav decodes on the processor: then the decoder's `pix_fmt` is not
    the accelerator's name any more.

    Args:
        codec: libav's name of the format, not of one of its decoders.
        accelerator: what is to decode.

    Raises:
        AcceleratorError: there is no such decoder, or no such device.
    """
    # libav's own decoders use CUDA and VA-API themselves; Quick Sync has decoders beside them.
    name = f"{codec}_qsv" if accelerator == "qsv" else codec
    try:
        context = CodecContext.create(name, "r", HWAccel(accelerator, allow_software_fallback=True))
    except (UnknownCodecError, NotImplementedError):
        raise _lacking(codec, accelerator) from None
    except av.error.FFmpegError as error:
        fix = OPENING_FIX[accelerator]
        raise AcceleratorError(f"{accelerator} cannot be opened ({reason(error)}). {fix}") from None
    assert isinstance(context, VideoCodecContext)
    if not context.is_hwaccel:
        raise _lacking(codec, accelerator)
    if accelerator == "qsv":
        context.options = {"async_depth": "1"}  # else pictures come four packets after their own
    return context


def find_lack(accelerator: Accelerator) -> str:
    """Returns why this machine cannot decode with it, and what to do; empty if it can."""
    try:
        accelerated(PROBED_CODEC, accelerator)
    except AcceleratorError as error:
        return str(error)
    return ""


def _lacking(codec: str, accelerator: Accelerator) -> AcceleratorError:
    return AcceleratorError(
        f"this build of PyAV ({av.__version__}) cannot decode {codec} with {accelerator}. "
        "Build PyAV with an FFmpeg that can"
    )
