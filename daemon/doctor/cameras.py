"""Whether each stream of each camera gives a picture; all are asked at once, each for as long as its settings allow."""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec

from config import CameraSettings
from daemon.doctor.finding import Finding
from daemon.streams.faults import SourceError
from daemon.streams.source import Source
from daemon.workers.task import CameraTask

MARGIN_S = 2.0
LIKE = 0.03
"""Aspect ratios that differ by less are the same: 640x352 stands for 16:9."""


@dataclass(frozen=True, slots=True)
class Look:
    """At one stream."""

    finding: Finding
    size: tuple[int, int] | None = None
    """Width and height, pixels; None without a picture."""
    aspect: float = 0.0
    """Width over height, as the picture is to be shown."""


def examine_cameras(cameras: Mapping[str, CameraSettings]) -> Iterator[Finding]:
    """Yields a finding for each stream, as soon as it answers, and one for two that do not go together."""
    answers: SimpleQueue[Look] = SimpleQueue()
    waiting = {subject: task for name, camera in cameras.items() for subject, task in _streams(name, camera)}
    for stream in waiting.items():
        # A daemon thread: libav may hold one for longer than anybody wants to wait.
        threading.Thread(target=lambda stream=stream: answers.put(_look(*stream)), daemon=True).start()
    # A read that times out has taken twice as long: libav first gives out a picture that it held back.
    patience_s = max((c.open_timeout_s + 2 * c.read_timeout_s for c in cameras.values()), default=0.0) + MARGIN_S
    ends_s = time.monotonic() + patience_s
    looks: dict[str, Look] = {}
    while waiting:
        try:
            look = answers.get(timeout=max(0.0, ends_s - time.monotonic()))
        except Empty:
            break
        camera = waiting.pop(look.finding.subject).name
        looks[look.finding.subject] = look
        yield look.finding
        if {camera, _main(camera)} <= looks.keys():
            yield from _compare(looks[camera], looks[_main(camera)])
    for subject in waiting:
        yield Finding(
            "cameras", subject, "fail", f"no answer within {patience_s:.0f} s", "Check that it is on and reachable"
        )


def _main(camera: str) -> str:
    return f"{camera} main_url"


def _streams(name: str, camera: CameraSettings) -> Iterator[tuple[str, CameraTask]]:
    task = CameraTask.of(name, camera, ring=Path(), heartbeat=Path(), frames="", observations="", reports="")
    yield name, task
    if task.main_address:
        yield _main(name), msgspec.structs.replace(task, address=task.main_address, hwaccel="none")


def _look(subject: str, task: CameraTask) -> Look:
    started = time.monotonic()
    try:
        with Source.open(task) as source:
            picture = next((arrival.frame for arrival in source.frames() if arrival.frame), None)
            shown = source.describe(picture) if picture else ""
            fallback, pixel_aspect = source.fallback, source.pixel_aspect
    except SourceError as error:
        cause, _, fix = str(error).partition(". ")
        fix = fix or "Check that it is on and reachable"
        return Look(Finding("cameras", subject, "fail", f"{error.state}: {cause}", fix))
    if picture is None:
        return Look(Finding("cameras", subject, "fail", "there is no picture in it", "Check it with ffprobe"))
    detail = f"{shown}, first picture after {time.monotonic() - started:.1f} s"
    finding = Finding("cameras", subject, "ok", detail)
    if fallback and task.hwaccel != "auto":
        cause, _, fix = fallback.partition(". ")
        finding = Finding("cameras", subject, "warn", f"{detail}: {cause}", fix)
    size = picture.width, picture.height
    return Look(finding, size, pixel_aspect * picture.width / picture.height)


def _compare(small: Look, main: Look) -> Iterator[Finding]:
    """Yields what is wrong with a main stream beside its small one."""
    if small.size is None or main.size is None:
        return
    subject = main.finding.subject
    if main.size[0] <= small.size[0] or main.size[1] <= small.size[1]:
        sizes = "{}x{} is not larger than {}x{}, which url has".format(*main.size, *small.size)
        yield Finding("cameras", subject, "warn", sizes, "Swap url and main_url, or leave main_url out")
    if abs(main.aspect / small.aspect - 1) > LIKE:
        yield Finding(
            "cameras",
            subject,
            "warn",
            f"its aspect ratio is {main.aspect:.2f}, that of url {small.aspect:.2f}",
            "Give both the same one in the camera, or see to it that both show the same view, one of them squeezed. "
            "Where one is cut off, faces are not found in the other, and privacy_masks cover something else there",
        )
