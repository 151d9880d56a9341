import time
from types import SimpleNamespace

import pytest
from av import VideoFrame
from rig.workers import make_camera_task

from daemon.streams.faults import SourceError
from daemon.streams.source import Source

TASK = make_camera_task()


class LatePacket:
    """Its decoder notes when it started, and brings two frames."""

    def decode(self) -> list[VideoFrame]:
        self.decoded_ns = time.monotonic_ns()
        return [VideoFrame(64, 48, "yuv420p")] * 2


def open_source(packets: list[LatePacket], width: int = 64) -> Source:
    stream = SimpleNamespace(average_rate=10, width=width, height=48, codec_context=SimpleNamespace())
    return Source(TASK, SimpleNamespace(demux=lambda _: iter(packets)), stream)


def test_frames_have_the_arrival_of_their_packet_before_it_was_decoded():
    packets = [LatePacket(), LatePacket()]
    first, second, third, _ = open_source(packets).frames()
    assert first.times == second.times
    assert first.times.captured_ns < packets[0].decoded_ns < third.times.captured_ns < packets[1].decoded_ns


def test_frames_without_timestamps_are_timed_by_the_frame_rate():
    assert [arrival.media_ns for arrival in open_source([LatePacket()]).frames()] == [0, 100_000_000]


def test_a_stream_above_the_limit_is_refused_before_anything_is_decoded():
    packet = LatePacket()
    with pytest.raises(SourceError, match="frames of 65x48"):
        next(open_source([packet], width=65).frames())
    assert not hasattr(packet, "decoded_ns")
