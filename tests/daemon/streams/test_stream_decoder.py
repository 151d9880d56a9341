"""With libav's own decoder in place of a GPU's; what a real one gives is in test_accelerators.py."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import pytest
from av import CodecContext, Packet, VideoFrame
from rig.clips import read_number, write_clip

from daemon.streams.accelerators import AcceleratorError
from daemon.streams.pictures import to_picture
from daemon.streams.stream_decoder import MOST_FRUITLESS_PACKETS, StreamDecoder

FPS = 15
"""A keyframe each second."""
LOST = av.error.ExternalError(1, "device lost")
DAMAGED = av.error.InvalidDataError(1, "damaged")
COPIED = ("extradata", "reorder_depth", "thread_type", "thread_count", "options")


@dataclass
class Gpu:
    """The accelerator of that name; fails from one packet, by its number from 0, to before another."""

    pix_fmt: str = "cuda"
    fails_from: int = 10**9
    works_from: int = 10**9
    fault: av.error.FFmpegError | None = None
    """None: it says nothing, and gives nothing."""
    options: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    packets: int = 0

    def make(self, codec: str, accelerator: str) -> Any:
        self.asked.append(accelerator)
        if accelerator != self.pix_fmt:
            raise AcceleratorError(f"{accelerator} is not there. Buy it")
        self.context = CodecContext.create(codec, "r")
        return self

    def decode(self, packet: Packet) -> list[VideoFrame]:
        if not self.context.is_open:
            for name in COPIED:
                setattr(self.context, name, getattr(self, name))
        number, self.packets = self.packets, self.packets + 1
        if not self.fails_from <= number < self.works_from:
            return self.context.decode(packet)
        if self.fault:
            raise self.fault
        return []


def decode(clip: Path, wanted: str, make: Any) -> tuple[list[int], StreamDecoder]:
    """Returns the numbers of the frames that are whole, and what has decoded them."""
    numbers = []
    with av.open(clip) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        decoder = StreamDecoder(stream.codec_context, wanted, make)
        for packet in container.demux(stream):
            try:
                frames = decoder.decode(packet)
            except av.error.InvalidDataError:
                continue
            numbers += [read_number(to_picture(frame).planes[0]) for frame in frames if not frame.is_corrupt]
    return numbers, decoder


@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_gpu_that_works_decodes_every_frame_in_its_order(tmp_path, b_frames):
    gpu = Gpu()
    numbers, decoder = decode(write_clip(tmp_path / "a.mp4", b_frames=b_frames), "cuda", gpu.make)
    assert numbers == list(range(2 * FPS))
    assert (decoder.accelerator, decoder.fallback) == ("cuda", "")
    assert gpu.packets == 2 * FPS + 1  # the last one is empty, and flushes


def test_without_a_wish_no_gpu_is_asked(make_clip):
    gpu = Gpu()
    numbers, decoder = decode(make_clip(), "none", gpu.make)
    assert (len(numbers), gpu.asked, decoder.accelerator, decoder.fallback) == (2 * FPS, [], None, "")


def test_who_decodes_nothing_takes_no_gpu(make_clip):
    gpu = Gpu()
    with av.open(make_clip()) as container:
        StreamDecoder(container.streams.video[0].codec_context, "cuda", gpu.make)
    assert gpu.asked == []


def test_auto_takes_the_first_that_is_there(make_clip):
    gpu = Gpu("vaapi")
    numbers, decoder = decode(make_clip(), "auto", gpu.make)
    assert (len(numbers), gpu.asked) == (2 * FPS, ["cuda", "vaapi"])
    assert (decoder.accelerator, decoder.fallback) == ("vaapi", "")


@pytest.mark.parametrize(("wanted", "says"), [("qsv", "qsv is not there. Buy it"), ("auto", "`deconvid doctor`")])
def test_without_a_gpu_the_processor_decodes_and_the_cause_is_told(make_clip, wanted, says):
    numbers, decoder = decode(make_clip(), wanted, Gpu("none of them").make)
    assert (len(numbers), decoder.accelerator) == (2 * FPS, None)
    assert says in decoder.fallback


def test_a_stream_that_the_gpu_refuses_is_told(make_clip):
    # What libav falls back to by itself is a decoder whose pixel format is not the accelerator's.
    numbers, decoder = decode(make_clip(), "cuda", lambda codec, _: CodecContext.create(codec, "r"))
    assert (len(numbers), decoder.accelerator) == (2 * FPS, None)
    assert "cuda does not take this stream" in decoder.fallback


def test_a_gpu_that_is_lost_is_not_asked_again(make_clip):
    gpu = Gpu(fails_from=5, fault=LOST)
    numbers, decoder = decode(make_clip(), "cuda", gpu.make)
    assert numbers == [*range(5), *range(FPS, 2 * FPS)]  # the processor begins with the next keyframe
    assert gpu.packets == 6
    assert decoder.accelerator is None
    assert "cuda failed while it decoded" in decoder.fallback


@pytest.mark.parametrize("fault", [DAMAGED, None])
def test_a_gpu_that_gives_no_picture_any_more_is_given_up(make_clip, fault):
    gpu = Gpu(fails_from=FPS, fault=fault)
    numbers, decoder = decode(make_clip(seconds=5), "cuda", gpu.make)
    assert gpu.packets == FPS + MOST_FRUITLESS_PACKETS
    assert numbers == [*range(FPS), *range(3 * FPS, 5 * FPS)]
    assert "no picture; the stream may be damaged" in decoder.fallback


def test_what_libav_decodes_in_the_gpus_stead_is_not_given_up_for_damage(make_clip):
    gpu = Gpu(fails_from=FPS, works_from=FPS + 2 * MOST_FRUITLESS_PACKETS)

    def refuse(codec: str, accelerator: str) -> Gpu:
        gpu.make(codec, accelerator).pix_fmt = "yuv420p"
        return gpu

    numbers, decoder = decode(make_clip(seconds=6), "cuda", refuse)
    assert gpu.packets == 6 * FPS + 1
    assert numbers[:FPS] == list(range(FPS))
    assert numbers[-FPS:] == list(range(5 * FPS, 6 * FPS))
    assert "cuda does not take this stream" in decoder.fallback


def test_damaged_packets_are_the_fault_of_the_camera(make_clip):
    gpu = Gpu(fails_from=FPS, works_from=2 * FPS, fault=DAMAGED)
    numbers, decoder = decode(make_clip(seconds=3), "cuda", gpu.make)
    assert numbers == [*range(FPS), *range(2 * FPS, 3 * FPS)]
    assert (decoder.accelerator, decoder.fallback) == ("cuda", "")
