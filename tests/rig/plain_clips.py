"""Clips of one grey picture, in sizes at which a pattern cannot be drawn or takes too long."""

from pathlib import Path

import av

GREY = 90


def write_plain_clip(path: Path, width: int, height: int, *, frames: int = 30, fps: int = 15) -> Path:
    """Writes H.264 with a keyframe each second; 4:4:4 where a side is odd."""
    pixels = "yuv444p" if width % 2 or height % 2 else "yuv420p"
    picture = av.VideoFrame(width, height, pixels)
    for plane in picture.planes:
        plane.update(bytes([GREY]) * plane.buffer_size)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, pixels, fps
        for number in range(frames):
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path
