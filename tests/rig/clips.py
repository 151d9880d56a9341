"""Small clips, made on the spot: a moving pattern, and in the top row of blocks the frame's number in binary."""

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

BLOCK_PX = 8
BITS = 16
ENCODERS = {"h264": ("libx264", "yuv420p"), "hevc": ("libx265", "yuv420p"), "mjpeg": ("mjpeg", "yuvj420p")}
"""By the name that libav decodes it under: the encoder's, and what it takes."""


def draw_luma(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Returns (height, width) uint8, limited range: a ramp that moves, and the number (width of at least 128 px)."""
    rows, columns = np.mgrid[:height, :width]
    luma = (16 + (rows + columns + 4 * number) % 200).astype(np.uint8)
    for bit in range(BITS):
        luma[:BLOCK_PX, bit * BLOCK_PX : (bit + 1) * BLOCK_PX] = 235 if number >> bit & 1 else 16
    return luma


def read_number(luma: NDArray[np.uint8]) -> int:
    """Returns the number that `draw_luma` wrote, also after lossy coding."""
    middle = luma[BLOCK_PX // 2, BLOCK_PX // 2 : BITS * BLOCK_PX : BLOCK_PX]
    return sum(1 << bit for bit, level in enumerate(middle) if level > 125)


def write_clip(
    path: Path,
    codec: str = "h264",
    width: int = 320,
    height: int = 240,
    fps: int = 15,
    seconds: float = 2,
    b_frames: int = 0,
) -> Path:
    """Writes a clip of the moving pattern; codec is h264, hevc or mjpeg."""
    lumas = [draw_luma(number, width, height) for number in range(int(fps * seconds))]
    return write_lumas(path, lumas, codec, fps, b_frames)


def write_lumas(
    path: Path, lumas: Sequence[NDArray[np.uint8]], codec: str = "h264", fps: int = 15, b_frames: int = 0
) -> Path:
    """Writes a grey clip with a keyframe each second.

    Args:
        lumas: of its frames, (H, W) uint8, limited range, with even sides.
        b_frames: between two others, in open groups; H.264 only.
    """
    height, width = lumas[0].shape
    encoder, pixels = ENCODERS[codec]
    # Of MJPEG: RTP carries pictures without their Huffman tables, and knows one set of them.
    options = {"huffman": "default"} if codec == "mjpeg" else {"preset": "ultrafast", "tune": "zerolatency"}
    if b_frames:
        options = {"preset": "ultrafast", "x264-params": f"bframes={b_frames}:b-adapt=0:open-gop=1"}
    if codec == "hevc":
        options["x265-params"] = "log-level=none"
    with av.open(path, "w") as container:
        stream = container.add_stream(encoder, rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, pixels, fps
        chroma = np.full((height // 2, width), 128, np.uint8)
        for luma in lumas:
            planar = np.concatenate([luma, chroma])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planar, pixels)))
        container.mux(stream.encode(None))
    return path


def remux(clip: Path, target: Path, jump_s: int = 0) -> Path:
    """Copies a clip into another container (by the target's suffix), its second half with later timestamps."""
    with av.open(clip) as source, av.open(target, "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        for number, packet in enumerate(packets):
            if number >= len(packets) // 2:
                packet.pts += int(jump_s / packet.time_base)
                packet.dts += int(jump_s / packet.time_base)
            packet.stream = stream
            out.mux(packet)
    return target


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory) -> Callable[..., Path]:
    """`make_clip(codec, width, height, fps, seconds)` returns the path of such a clip; equal ones are made once."""
    folder = tmp_path_factory.mktemp("clips")

    def make(codec: str = "h264", width: int = 320, height: int = 240, fps: int = 15, seconds: float = 2) -> Path:
        path = folder / f"{codec}-{width}x{height}-{fps}-{seconds}.mp4"
        return path if path.exists() else write_clip(path, codec, width, height, fps, seconds)

    return make
