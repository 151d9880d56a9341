"""What the whole daemon costs while it watches video files in their own time."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from config import DeconvIDError, Settings, load_settings
from daemon.demo.play import Play, start_daemon, wait_until_ready
from daemon.enrolment import enrol
from daemon.operations.status import DaemonStatus, read_status
from daemon.store import Store
from deconvid_client import Subscriber
from engine import FaceEngine
from engine.runtimes import Precision

SETTLE_S = 6.0
"""After the start, before anything is counted: a long run does not pay for it."""
STARTING_S = 20.0
"""Longest time until every camera shows pictures."""
LOOKS_PER_S = 5.0


class DaemonFigure(msgspec.Struct, frozen=True):
    """All processes of the daemon, between two of its status reports."""

    cameras: int
    wall_s: float
    camera_s: float
    """Seconds of video that were read, of all cameras together: less than cameras x wall_s where it falls behind."""
    cpu_per_camera_s: float
    by_role: dict[str, float]
    """As above, by the kind of process."""
    looks: int
    faces: int
    embedded: int
    dropped: dict[str, int]
    """Frames not looked at, by reason; those above the detection rate are no loss."""
    accounted: bool
    """Whether captured = analysed + in flight + dropped, for each camera."""
    latency_p95_ms: float
    """Of the slowest camera, from a frame's arrival to the end of its analysis."""
    people: list[str]
    """Who was named since the start."""


@dataclass(frozen=True, slots=True)
class Setup:
    detector: str
    precision: Precision
    models: Path | None
    """Further folder with models."""
    photos: Sequence[Path]
    """Of people to enrol, one each, named after them."""


def watch_files(setup: Setup, clip: Path, fps: float, cameras: int, seconds: float) -> DaemonFigure:
    """Runs a daemon whose cameras all play one clip, and counts what it takes.

    Args:
        setup: of the daemon.
        clip: longer than all this takes.
        fps: of the clip.
        cameras: how many.
        seconds: to watch.

    Raises:
        DeconvIDError: it does not start, or dies.
    """
    with ExitStack() as undo:
        folder = Path(undo.enter_context(TemporaryDirectory(prefix="deconvid-")))
        config = _configure(setup, clip, cameras, folder)
        settings = load_settings(config)
        _enrol(settings, setup.photos)
        subscriber = undo.enter_context(Subscriber(settings.events_endpoint, after="start"))
        log = folder / "daemon.log"
        running = Play(settings, {}, False, start_daemon(config, log), log, subscriber)
        undo.callback(running.stop)
        wait_until_ready(running)
        _wait_for_pictures(running)
        people = _people(running, SETTLE_S)
        before = read_status(settings.runtime_folder)
        people |= _people(running, seconds)
        return _difference(before, read_status(settings.runtime_folder), fps, sorted(people))


def _configure(setup: Setup, clip: Path, cameras: int, folder: Path) -> Path:
    path = folder / "config.toml"
    models = f'models = ["{setup.models}"]\n' if setup.models else ""
    sections = "".join(f'[cameras.file-{i + 1}]\nurl = "{clip}"\ndetect_fps = {LOOKS_PER_S}\n' for i in range(cameras))
    path.write_text(
        f'state = "{folder / "state"}"\nweb.listen = ""\n{models}detection.model = "{setup.detector}"\n'
        f'detection.precision = "{setup.precision}"\nembedding.precision = "{setup.precision}"\n{sections}'
    )
    return path


def _enrol(settings: Settings, photos: Sequence[Path]) -> None:
    settings.state.mkdir(mode=0o700)
    engine = FaceEngine.load(settings)
    with Store.of(settings, "bench") as store:
        for photo in photos:
            enrol(store, engine, photo.stem, [photo])


def _wait_for_pictures(running: Play) -> None:
    until_s = time.monotonic() + STARTING_S
    while not all(camera.captured for camera in read_status(running.settings.runtime_folder).cameras):
        if time.monotonic() > until_s:
            raise DeconvIDError(f"not every camera shows pictures:\n{running.last_words()}")
        time.sleep(0.2)


def _people(running: Play, seconds: float) -> set[str]:
    return {event.person.name for event in running.events(seconds) if event and event.person}


def _difference(before: DaemonStatus, after: DaemonStatus, fps: float, people: list[str]) -> DaemonFigure:
    old = {worker.name: worker for worker in before.workers}
    captured = sum(camera.captured for camera in after.cameras) - sum(camera.captured for camera in before.cameras)
    camera_s = captured / fps
    by_role: dict[str, float] = {}
    for worker in after.workers:
        used_s = worker.cpu_s - old[worker.name].cpu_s
        by_role[worker.role] = by_role.get(worker.role, 0.0) + used_s / camera_s
    [vision] = (worker for worker in after.workers if worker.role == "vision")

    def counted(name: str) -> int:
        return vision.counters.get(name, 0) - old[vision.name].counters.get(name, 0)

    dropped = {
        reason: sum(camera.dropped[reason] for camera in after.cameras)
        - sum(camera.dropped.get(reason, 0) for camera in before.cameras)
        for reason in after.cameras[0].dropped
    }
    return DaemonFigure(
        cameras=len(after.cameras),
        wall_s=round((after.written_wall_ns - before.written_wall_ns) / 1e9, 1),
        camera_s=round(camera_s, 1),
        cpu_per_camera_s=round(sum(by_role.values()), 4),
        by_role={role: round(used, 4) for role, used in by_role.items()},
        looks=counted("looks"),
        faces=counted("faces"),
        embedded=counted("crops.embedded"),
        dropped={reason: count for reason, count in dropped.items() if count},
        accounted=all(
            camera.captured == camera.analysed + camera.in_flight + sum(camera.dropped.values())
            for camera in after.cameras
        ),
        latency_p95_ms=round(max(camera.latency_p95_ms or 0.0 for camera in after.cameras), 1),
        people=people,
    )
