"""Whether each camera gives a picture; all are asked at once, each for as long as its settings allow."""

import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue

from config import CameraSettings
from daemon.doctor.finding import Finding
from daemon.streams.faults import SourceError
from daemon.streams.source import Source
from daemon.workers.task import CameraTask

MARGIN_S = 2.0


def examine_cameras(cameras: Mapping[str, CameraSettings]) -> Iterator[Finding]:
    """Yields a finding for each camera, as soon as it answers."""
    answers: SimpleQueue[Finding] = SimpleQueue()
    for name, camera in cameras.items():
        # A daemon thread: libav may hold one for longer than anybody wants to wait.
        threading.Thread(target=lambda n=name, c=camera: answers.put(_look(n, c)), daemon=True).start()
    waiting = dict(cameras)
    # A read that times out has taken twice as long: libav first gives out a picture that it held back.
    patience_s = max((c.open_timeout_s + 2 * c.read_timeout_s for c in cameras.values()), default=0.0) + MARGIN_S
    ends_s = time.monotonic() + patience_s
    while waiting:
        try:
            finding = answers.get(timeout=max(0.0, ends_s - time.monotonic()))
        except Empty:
            break
        del waiting[finding.subject]
        yield finding
    for name in waiting:
        yield Finding(
            "cameras", name, "fail", f"no answer within {patience_s:.0f} s", "Check that it is on and reachable"
        )


def _look(name: str, camera: CameraSettings) -> Finding:
    task = CameraTask.of(name, camera, ring=Path(), heartbeat=Path(), frames="", observations="", reports="")
    started = time.monotonic()
    try:
        with Source.open(task) as source:
            picture = next((arrival.frame for arrival in source.frames() if arrival.frame), None)
            codec = source.codec
    except SourceError as error:
        cause, _, fix = str(error).partition(". ")
        return Finding("cameras", name, "fail", f"{error.state}: {cause}", fix or "Check that it is on and reachable")
    if picture is None:
        return Finding("cameras", name, "fail", "there is no picture in it", "Check it with ffprobe")
    detail = f"{picture.width}x{picture.height} {codec}, first picture after {time.monotonic() - started:.1f} s"
    return Finding("cameras", name, "ok", detail)
