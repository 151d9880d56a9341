import time
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace
from typing import Any

import av.error
import pytest
from av import VideoFrame
from rig.workers import make_camera_task

from daemon.streams.faults import SourceError
from daemon.streams.source import BLIND_S, MOST_DAMAGED_PACKETS, Source

TASK = make_camera_task()


class LatePacket:
    """Its decoder notes when it started, and brings two frames."""

    pts = None

    def decode(self) -> list[VideoFrame]:
        self.decoded_ns = time.monotonic_ns()
        return [VideoFrame(64, 48, "yuv420p")] * 2


class PicturelessPacket:
    """Its decoder is content, and brings nothing."""

    pts = None

    def decode(self) -> list[VideoFrame]:
        return []


class DamagedPacket:
    pts = None

    def decode(self) -> list[VideoFrame]:
        raise av.error.InvalidDataError(1, "damaged")


def open_source(packets: list[Any], width: int = 64, clock: Callable[[], float] = time.monotonic) -> Source:
    decoder = SimpleNamespace(name="h264", decode=lambda packet: packet.decode())
    stream = SimpleNamespace(average_rate=10, width=width, height=48, codec_context=decoder)
    return Source(TASK, SimpleNamespace(demux=lambda _: iter(packets)), stream, clock)


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


@pytest.mark.parametrize("packet", [PicturelessPacket(), DamagedPacket()])
def test_a_stream_without_a_picture_is_given_up_in_time(packet):
    seconds = count(step=1 / 3)  # a good one passes with each packet
    with pytest.raises(SourceError, match="no whole picture") as fault:
        list(open_source([packet] * int(2 * BLIND_S), clock=lambda: next(seconds)).frames())
    assert fault.value.state == "stalled"


def test_a_picture_now_and_then_is_enough():
    seconds = count(step=1 / 3)
    packets = [PicturelessPacket()] * int(BLIND_S - 5) + [LatePacket()]
    assert len(list(open_source(4 * packets, clock=lambda: next(seconds)).frames())) == 4 * 2


def test_a_packet_that_libav_gives_out_at_its_timeout_is_a_stall():
    seconds = count(step=TASK.read_timeout_s)
    with pytest.raises(SourceError, match="no picture for 1 s") as fault:
        list(open_source([LatePacket()], clock=lambda: next(seconds)).frames())
    assert fault.value.state == "stalled"


def test_damaged_packets_end_the_connection_at_last():
    frames = open_source([DamagedPacket()] * (MOST_DAMAGED_PACKETS + 1)).frames()
    for _ in range(MOST_DAMAGED_PACKETS):
        assert next(frames).frame is None
    with pytest.raises(SourceError, match="damaged packets in a row"):
        next(frames)
