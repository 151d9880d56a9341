"""Decoded frames of any pixel format to planes of YUV 4:2:0."""

from dataclasses import dataclass

import numpy as np
from av import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

HD_HEIGHT_PX = 720
"""From this height on, cameras that do not say so mean BT.709."""
BT709, UNSPECIFIED, FCC, BT470BG, SMPTE170M, SMPTE240M, BT2020 = 1, 2, 4, 5, 6, 7, 9
"""AVColorSpace of libav; PyAV names only those that its scaler knows."""
RGB = 0
"""Of RGB, which the scaler turns into BT.601."""
SCALED = (RGB, BT709, UNSPECIFIED, FCC, BT470BG, SMPTE170M, SMPTE240M, BT2020)
"""The scaler refuses pictures that say anything else."""
PLANAR_420 = ("yuv420p", "yuvj420p")


@dataclass(frozen=True, slots=True)
class Picture:
    """Views of a decoded frame's planes, uint8; valid as long as the picture lives."""

    planes: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
    """y (H, W), u and v (ceil(H/2), ceil(W/2)); their rows have gaps between them."""
    bt709: bool
    full_range: bool


def to_picture(frame: VideoFrame) -> Picture:
    """Returns the frame's own planes where they are 4:2:0 already, else a conversion of them."""
    colorspace, height = frame.colorspace, frame.height
    if frame.format.name not in PLANAR_420:
        # The j formats are the full-range ones; swscale would squeeze them into the limited range otherwise.
        full_range = frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
        if colorspace not in SCALED:
            frame.colorspace = UNSPECIFIED  # its colours will be a little wrong, its luma is right
        frame = frame.reformat(format="yuvj420p" if full_range else "yuv420p")
    y, u, v = (_view(plane) for plane in frame.planes)
    return Picture(
        planes=(y, u, v),
        bt709=_is_bt709(colorspace, height),
        full_range=frame.format.name == "yuvj420p" or frame.color_range == ColorRange.JPEG,
    )


def _view(plane: VideoPlane) -> NDArray[np.uint8]:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def _is_bt709(colorspace: int, height: int) -> bool:
    if colorspace in (RGB, FCC, BT470BG, SMPTE170M):
        return False
    return colorspace == BT709 or height >= HD_HEIGHT_PX
