"""Frames of real clips, whose number is drawn into each picture."""

import av
import numpy as np
import pytest
from rig.clips import read_number, write_clip

from daemon.streams.demand_decoder import DemandDecoder, UndecodableError
from daemon.streams.packet_ring import PacketRing
from daemon.streams.pictures import to_picture

FPS = 15
FRAME_NS = 10**9 // FPS


def number_in(frame) -> int:
    return read_number(to_picture(frame).planes[0])


def at(number: int) -> int:
    return number * 10**9 // FPS


class Stream:
    """A clip whose packets were all put into a ring, dated as their pictures are shown.

    Of several clips, one after the other, the parameters are in their packets and not beside them.
    """

    def __init__(self, *clips, damaged=()) -> None:
        self.ring = PacketRing(reach_ns=60 * 10**9)
        shown_ns = 0
        for clip in clips:
            with av.open(clip) as container:
                stream = container.streams.video[0]
                codec, extradata = stream.codec_context.name, stream.codec_context.extradata
                in_band = av.BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
                for number, packet in enumerate(packet for packet in container.demux(stream) if packet.size):
                    is_keyframe, pts = packet.is_keyframe, packet.pts
                    [packet] = in_band.filter(packet) if len(clips) > 1 else [packet]
                    data = b"damaged" * 20 if number in damaged else bytes(packet)
                    captured_ns = shown_ns + int(pts * stream.time_base * 10**9)
                    self.ring.add(data, captured_ns, captured_ns, is_keyframe=is_keyframe)
                shown_ns += int(stream.duration * stream.time_base * 10**9)
        self.decoder = DemandDecoder(codec, extradata if len(clips) == 1 else None, {})

    def frame(self, number: int) -> int:
        """Returns the number in the picture that is decoded for the moment of that number."""
        return number_in(self.decoder.decode(self.ring.way_to(at(number))))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_any_frame_is_reached_in_any_order(make_clip, codec):
    stream = Stream(make_clip(codec))
    order = np.random.default_rng(7).permutation(29)
    assert [stream.frame(int(n)) for n in order] == order.tolist()


def test_frames_that_wait_for_later_ones_are_reached_too(tmp_path):
    stream = Stream(write_clip(tmp_path / "b.mp4", b_frames=3))
    order = np.random.default_rng(7).permutation(29)
    assert [stream.frame(int(n)) for n in order] == order.tolist()


def test_a_later_frame_of_the_same_group_costs_only_what_lies_between(make_clip):
    stream = Stream(make_clip())
    way = stream.ring.way_to(at(20))
    assert stream.decoder.steps(way) == 6
    assert number_in(stream.decoder.decode(way)) == 20
    assert stream.decoder.steps(way) == 0
    assert stream.decoder.steps(stream.ring.way_to(at(22))) == 2
    assert stream.frame(22) == 22
    assert stream.decoder.steps(stream.ring.way_to(at(21))) == 7


def test_a_stream_that_changes_its_size_is_followed(make_clip):
    stream = Stream(make_clip(), make_clip(width=640, height=480))
    assert stream.decoder.decode(stream.ring.way_to(at(10))).width == 320
    assert stream.decoder.decode(stream.ring.way_to(at(40))).width == 640
    assert stream.decoder.decode(stream.ring.way_to(at(10))).width == 320


def test_damage_fails_its_own_group_alone(make_clip):
    stream = Stream(make_clip(), damaged=[15])
    with pytest.raises(UndecodableError):
        stream.frame(17)
    assert stream.frame(3) == 3


def test_a_frame_larger_than_allowed_is_not_decoded(make_clip):
    stream = Stream(make_clip(), make_clip())
    stream.decoder = DemandDecoder("h264", None, {"max_pixels": str(100 * 100)})
    with pytest.raises(UndecodableError):
        stream.frame(3)
