import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any

import av.error
import msgspec
import pytest
from av import VideoFrame
from rig.workers import make_camera_task

from daemon.frames import DropReason
from daemon.streams.faults import SourceError
from daemon.streams.source import BLIND_S, MOST_DAMAGED_PACKETS, PACKETS_OF_A_PICTURE, SPARE_PICTURES, Source
from daemon.workers.task import CameraTask

TASK = make_camera_task()


class LatePacket:
    """Its decoder notes when it started, and brings two frames."""

    pts, size = None, 1

    def decode(self) -> list[VideoFrame]:
        self.decoded_ns = time.monotonic_ns()
        return [VideoFrame(64, 48, "yuv420p")] * 2


class PicturelessPacket:
    """Its decoder is content, and brings nothing."""

    pts, size = None, 1

    def decode(self) -> list[VideoFrame]:
        return []


class EmptyPacket(PicturelessPacket):
    """The last one of a file."""

    size = 0


class DamagedPacket:
    pts, size = None, 1

    def decode(self) -> list[VideoFrame]:
        raise av.error.InvalidDataError(1, "damaged")


def open_source(
    packets: Iterable[Any],
    width: int = 64,
    clock: Callable[[], float] = time.monotonic,
    reorders: int = 0,
    task: CameraTask = TASK,
) -> Source:
    decoder = SimpleNamespace(name="h264", decode=lambda packet: packet.decode(), reorder_depth=reorders)
    stream = SimpleNamespace(average_rate=10, width=width, height=48, codec_context=decoder)
    return Source(task, SimpleNamespace(demux=lambda _: iter(packets)), stream, clock)


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
    arrivals = list(open_source(4 * packets, clock=lambda: next(seconds)).frames())
    assert sum(arrival.frame is not None for arrival in arrivals) == 4 * 2


def test_pictures_that_come_seldom_are_pictures():
    now_s = 0.0

    def seldom() -> Iterator[LatePacket]:
        nonlocal now_s
        for _ in range(3):
            now_s += BLIND_S + 10
            yield LatePacket()

    patient = msgspec.structs.replace(TASK, read_timeout_s=2 * BLIND_S)
    assert len(list(open_source(seldom(), clock=lambda: now_s, task=patient).frames())) == 3 * 2


def lost(packets: list[Any], reorders: int = 0) -> list[DropReason]:
    arrivals = open_source(packets, reorders=reorders).frames()
    return [arrival.lost for arrival in arrivals if arrival.frame is None]


@pytest.mark.parametrize("reorders", [0, 3, 16])
def test_packets_that_a_decoder_says_nothing_of_are_counted_once_it_cannot_hold_them_back(reorders):
    held_back = PACKETS_OF_A_PICTURE * (reorders + SPARE_PICTURES)
    silent = [PicturelessPacket()]
    assert lost([*silent * held_back, LatePacket(), EmptyPacket()], reorders) == []
    assert lost([*silent * (held_back + 1), LatePacket()], reorders) == [DropReason.UNDECODED] * (held_back + 1)
    assert lost([*silent * 100, EmptyPacket()], reorders) == [DropReason.UNDECODED] * 100
    again = [*silent * 50, LatePacket(), *silent * held_back, LatePacket()]
    assert lost(again, reorders) == [DropReason.UNDECODED] * 50


def test_damaged_packets_are_counted_as_such():
    assert lost([DamagedPacket(), PicturelessPacket()] * 9) == [DropReason.CORRUPT] * 9 + [DropReason.UNDECODED] * 9


def test_each_packet_is_heard_of_before_it_is_decoded():
    packets, heard = [PicturelessPacket(), LatePacket(), DamagedPacket()], []
    list(open_source(packets).frames(lambda: heard.append(time.monotonic_ns())))
    assert len(heard) == len(packets)
    assert heard[1] < packets[1].decoded_ns < heard[2]


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
