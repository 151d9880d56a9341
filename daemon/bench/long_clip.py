"""A clip repeated until it is long enough, without decoding it."""

from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream

from config import DeconvIDError


@dataclass(frozen=True, slots=True)
class LongClip:
    path: Path
    width: int
    height: int
    fps: float


def repeat(clip: Path, seconds: float, folder: Path) -> LongClip:
    """Writes a clip of at least so many seconds into a folder.

    Raises:
        DeconvIDError: the file holds no video.
    """
    path = folder / f"{clip.stem}-long.mp4"
    try:
        with av.open(str(clip)) as source, av.open(str(path), "w") as out:
            return _repeat(source.streams.video[0], seconds, source, out, path)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise DeconvIDError(f"{clip}: is no video ({error}). Name a file that ffprobe reads") from error


def _repeat(video: VideoStream, seconds: float, source: InputContainer, out: OutputContainer, path: Path) -> LongClip:
    rate, tick_s = video.average_rate, video.time_base
    if not rate or not tick_s:
        raise ValueError("it does not say how many frames a second it has")
    stream = out.add_stream_from_template(video)
    packets = [packet for packet in source.demux(video) if packet.size]
    times = [(packet.pts or 0, packet.dts or 0) for packet in packets]
    length = max(pts for pts, _ in times) + round(1 / (rate * tick_s))
    for turn in range(1 + int(seconds / (length * tick_s))):
        for packet, (pts, dts) in zip(packets, times, strict=True):
            packet.pts, packet.dts, packet.stream = pts + turn * length, dts + turn * length, stream
            out.mux(packet)
    return LongClip(path, video.width, video.height, float(rate))
