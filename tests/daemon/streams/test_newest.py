import errno
import time
from collections.abc import Callable
from pathlib import Path

import av.error
import msgspec
import pytest
from av import VideoFrame
from rig.clips import read_number

from config import CameraSettings
from daemon.streams.faults import SourceError
from daemon.streams.newest import NewestFrames
from daemon.streams.pictures import Picture, to_picture
from daemon.workers.task import CameraTask


def task_of(clip: Path) -> CameraTask:
    camera = CameraSettings(url=str(clip))  # type: ignore[arg-type]
    return CameraTask.of("door", camera, ring=Path(), heartbeat=Path(), frames="", observations="", reports="")


def test_a_slow_reader_gets_the_newest_frame_and_skips_the_others(make_clip: Callable[..., Path]) -> None:
    seen = []
    with NewestFrames(task_of(make_clip(fps=15, seconds=2))) as newest:
        for frame in newest.frames(20):
            seen.append((read_number(frame.image.y), frame.captured_s))
            time.sleep(0.3)
    numbers = [number for number, _ in seen]
    assert numbers == sorted(set(numbers))
    assert 3 <= len(numbers) <= 10  # of 30, in two seconds
    assert seen[-1][1] - seen[0][1] == pytest.approx((numbers[-1] - numbers[0]) / 15, abs=0.5)


def test_reading_ends_with_its_time(make_clip: Callable[..., Path]) -> None:
    started = time.monotonic()
    with NewestFrames(task_of(make_clip(fps=15, seconds=20))) as newest:
        assert len(list(newest.frames(0.4))) > 1
    assert time.monotonic() - started < 5


def test_a_picture_that_cannot_be_converted_is_passed_over(make_clip: Callable[..., Path], monkeypatch) -> None:
    def refuse_every_other(frame: VideoFrame) -> Picture:
        if read_number(to_picture(frame).planes[0]) % 2:
            raise av.error.OSError(errno.EOPNOTSUPP, "not supported")
        return to_picture(frame)

    monkeypatch.setattr("daemon.streams.newest.to_picture", refuse_every_other)
    with NewestFrames(task_of(make_clip())) as newest:
        numbers = [read_number(frame.image.y) for frame in newest.frames(1)]
    assert len(numbers) > 3
    assert not any(number % 2 for number in numbers)


def test_a_fault_of_the_camera_reaches_the_reader(tmp_path: Path) -> None:
    with NewestFrames(task_of(tmp_path / "absent.mp4")) as newest, pytest.raises(SourceError, match="no such file"):
        list(newest.frames(5))


def test_enrolment_never_sees_what_is_masked(make_clip: Callable[..., Path]) -> None:
    task = msgspec.structs.replace(task_of(make_clip()), privacy_masks=(((0, 0.5), (1, 0.5), (1, 1), (0, 1)),))
    with NewestFrames(task) as newest:
        for frame in newest.frames(0.5):
            assert not frame.image.y[120:].any()
            assert frame.image.y[:119].any()
