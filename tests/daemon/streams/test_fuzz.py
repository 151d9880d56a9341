"""Spoiled files and spoiled RTSP streams, read as the camera worker reads them: it may refuse, not die and not grow."""

import os
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from rig.clips import remux
from rig.hostile import VIDEO_SDP, hostile_camera, rtp
from rig.mutations import mutate
from rig.workers import make_camera_task

from daemon.frames import FRAMES_FOLDER, FrameRing

TESTS = Path(__file__).parents[2]
LONGEST_READ_S = 30.0
WARM_UP = 8
"""Streams after which libav's tables and Python's modules are in memory."""
GROWTH_MB = 96
"""The largest picture allowed takes 1.4 MB; what malloc keeps swings by some ten."""
START_CODE = b"\x00\x00\x00\x01"


class Reader:
    """rig/reader.py in a process of its own: what kills it kills no test."""

    def __init__(self) -> None:
        self._ring = FrameRing.create(FRAMES_FOLDER, f"{os.getpid():08x}", "fuzz", 1280, 720)
        limits = {"max_width_px": 1280, "max_height_px": 720, "open_timeout_s": 1.0, "read_timeout_s": 1.0}
        self._task = msgspec.structs.replace(make_camera_task(), ring=str(self._ring.path), **limits)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rig.reader"],
            cwd=TESTS,
            env=os.environ | {"PYTHONPATH": f"{TESTS}:{TESTS.parent}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def read(self, kind: str, address: str) -> tuple[str, int]:
        """Returns the state in which the stream ended, and the number of its pictures."""
        assert self._process.stdin
        assert self._process.stdout
        task = msgspec.structs.replace(self._task, kind=kind, address=address)
        self._process.stdin.write(msgspec.json.encode(task) + b"\n")
        self._process.stdin.flush()
        readable, _, _ = select.select([self._process.stdout], [], [], LONGEST_READ_S)
        assert readable, "it hangs"
        answer = self._process.stdout.readline().split()
        assert answer, f"it died, exit code {self._process.wait()}"
        return answer[0].decode(), int(answer[1])

    def resident_mb(self) -> float:
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._ring.unlink()
        self._ring.close()


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


def fuzz(reader: Reader, seconds: float, read: Callable[[Random], tuple[str, int]]) -> None:
    """Reads one spoiled stream after the other; the number of a failing one is its seed."""
    ends: Counter[str] = Counter()
    seed = pictures = files = 0
    before_mb = 0.0
    until = time.monotonic() + seconds
    while time.monotonic() < until or seed <= 2 * WARM_UP:
        if seed == WARM_UP:
            before_mb, files = reader.resident_mb(), reader.open_files()
        try:
            state, n = read(Random(seed))
        except AssertionError as fault:
            raise AssertionError(f"stream {seed}: {fault}") from None
        ends[state] += 1
        pictures += n
        seed += 1
    assert pictures > seed, f"hardly anything was decoded: {ends}"
    assert reader.open_files() <= files
    assert reader.resident_mb() < before_mb + GROWTH_MB, f"after {seed} streams: {ends}"


SECONDS = [4, pytest.param(150, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]


@pytest.mark.parametrize("seconds", SECONDS)
def test_spoiled_files_do_no_harm(reader, make_clip, tmp_path, seconds):
    kinds = [(codec, suffix) for codec in ("h264", "hevc") for suffix in ("mp4", "mkv", "ts")]
    kinds += [("h264", "h264"), ("hevc", "hevc"), ("h264", "flv")]
    whole = [
        (suffix, remux(make_clip(codec, seconds=1), tmp_path / f"{codec}.{suffix}").read_bytes())
        for codec, suffix in kinds
    ]

    def read(random: Random) -> tuple[str, int]:
        suffix, data = random.choice(whole)
        path = tmp_path / f"spoiled.{suffix}"
        path.write_bytes(mutate(data, random))
        return reader.read("file", str(path))

    fuzz(reader, seconds, read)


@pytest.mark.parametrize("seconds", SECONDS)
def test_spoiled_streams_of_a_camera_do_no_harm(reader, make_clip, tmp_path, seconds):
    bare = remux(make_clip(seconds=1), tmp_path / "bare.h264").read_bytes()
    units = [unit for unit in bare.replace(b"\x00" + START_CODE, START_CODE).split(START_CODE) if unit]

    def read(random: Random) -> tuple[str, int]:
        share = random.choice((0.0, 0.1, 1.0))

        def packets() -> Iterator[bytes]:
            for number, unit in enumerate(units):
                packet = rtp(unit, number)
                yield mutate(packet, random) if random.random() < share else packet
            raise BrokenPipeError  # hangs up

        sdp = mutate(VIDEO_SDP.encode(), random) if random.random() < 0.3 else VIDEO_SDP
        with hostile_camera(sdp, packets) as address:
            return reader.read("rtsp", address)

    fuzz(reader, seconds, read)
