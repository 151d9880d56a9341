"""Cameras that speak RTSP and say nonsense, on real connections: each is refused for a reason, within its timeouts."""

import random
import time
from collections.abc import Iterator

import msgspec
import pytest
from rig.hostile import AUDIO_SDP, VIDEO_SDP, chattering_server, garbage, hostile_camera, silence
from rig.workers import make_camera_task

from daemon.streams.faults import SourceError
from daemon.streams.source import Source
from daemon.workers.task import CameraTask

NOISE = random.Random(7).randbytes(3000)
SOON_S = 10.0
"""Both timeouts are 1 s, and a read that fails takes two of them."""

SDPS = {
    "empty": (b"", "backoff"),
    "text": (b"hello\r\n", "unsupported"),
    "noise": (NOISE, "unsupported"),
    "no media": (VIDEO_SDP[: VIDEO_SDP.index("m=")], "unsupported"),
    "cut off": (VIDEO_SDP[:-60], "unsupported"),
    "unknown codec": (VIDEO_SDP.replace("H264", "NONSENSE"), "unsupported"),
    "no clock": (VIDEO_SDP.replace("90000", "0"), "stalled"),
    "bad parameter sets": (f"{VIDEO_SDP}a=fmtp:96 sprop-parameter-sets=////,%%%%;profile-level-id=zz\r\n", "stalled"),
    "2 MB": (f"{VIDEO_SDP}a=x:{'y' * 2_000_000}\r\n", "stalled"),
    "20 streams": (VIDEO_SDP + VIDEO_SDP[VIDEO_SDP.index("m=") :] * 20, "stalled"),
}
ANSWERS = {
    "nothing": (b"", "no answer"),
    "http": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no answer"),
    "noise": (NOISE, "no answer"),
    "busy": (b"RTSP/1.0 503 Service Unavailable\r\nCSeq: 1\r\n\r\n", "too many viewers"),
    "redirected to a file": (
        b"RTSP/1.0 301 Moved\r\nCSeq: 1\r\nLocation: file:///etc/passwd\r\n\r\n",
        "makes no sense",
    ),
    "endless answer": (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 2147483647\r\n\r\n", "no answer"),
}


def read(address: str) -> SourceError:
    """Returns why the camera at this address cannot be read; it never gives a picture."""
    started = time.monotonic()
    task = msgspec.structs.replace(make_camera_task(), address=address)
    with pytest.raises(SourceError) as fault:
        read_to_its_end(task)
    assert time.monotonic() - started < SOON_S
    return fault.value


def read_to_its_end(task: CameraTask) -> None:
    with Source.open(task) as source:
        assert not any(arrival.frame for arrival in source.frames())


@pytest.mark.parametrize(("sdp", "state"), SDPS.values(), ids=SDPS)
def test_a_wrong_description_is_refused(sdp, state):
    with hostile_camera(sdp) as address:
        assert read(address).state == state


@pytest.mark.parametrize(("answer", "cause"), ANSWERS.values(), ids=ANSWERS)
def test_what_is_no_camera_is_told_so(answer, cause):
    with chattering_server(answer) as address:
        assert cause in str(read(address))


def test_garbage_for_pictures_is_no_picture():
    with hostile_camera(VIDEO_SDP, garbage) as address:
        # Noise now and then says that its pictures are 22x12.
        assert read(address).state in ("stalled", "backoff", "unsupported")


def test_a_camera_that_only_sends_sound_is_refused():
    def sound() -> Iterator[bytes]:
        for packet in silence():
            time.sleep(0.02)
            yield packet

    with hostile_camera(AUDIO_SDP, sound) as address:
        assert "no video" in str(read(address))
