"""`deconvid bench e2e`: what a camera costs the whole daemon, beside a loop around InsightFace, on the same clips."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from config import DeconvIDError, Settings
from daemon.bench.daemon_on_files import LOOKS_PER_S, DaemonFigure, Setup, watch_files
from daemon.bench.insightface_loop import LoopReport, LoopTask
from daemon.bench.long_clip import repeat
from daemon.bench.rivals import PACK, Pack, RivalMissingError
from engine.manifests import find_model
from engine.runtimes import Precision

SLACK_S = 40.0
"""How much longer than the measurement the clips are: the daemon starts and settles, a loop warms up."""
PHOTOS = (".jpg", ".jpeg", ".png", ".webp")


class LoopFigure(msgspec.Struct, frozen=True):
    processes: int
    threads: int
    """Of each, for each network; each process is kept on so many cores."""
    camera_s: float
    """As of the daemon."""
    cpu_per_camera_s: float
    looks: int
    faces: int
    people: list[str]


class ClipFigure(msgspec.Struct, frozen=True):
    clip: str
    picture: str
    fps: float
    daemon: DaemonFigure
    loops: list[LoopFigure]
    """One process for all cameras, and one for each camera, kept on one core."""
    ratio: float | None
    """Processor time of the better loop over the daemon's."""


class E2eReport(msgspec.Struct):
    cores: int
    detector: str
    embedder: str
    precision: Precision
    looks_per_s: float
    sha256: dict[str, str]
    figures: list[ClipFigure] = msgspec.field(default_factory=list)
    skipped: dict[str, str] = msgspec.field(default_factory=dict)


class E2eBench:
    """Args:
    cameras: of the daemon; each plays the clip in its own time.
    seconds: for which it, and then each loop, is watched.
    detector: its name; None: the default.
    precision: of both networks.
    photos: folder with a photo of each person to enrol, named after them; None: nobody is.
    pack: see `EngineBench`.
    tell: hears what is done now.
    """

    def __init__(
        self,
        cameras: int,
        seconds: float,
        detector: str | None,
        precision: Precision,
        photos: Path | None,
        pack: Path | None,
        tell: Callable[[str], None],
    ) -> None:
        self._cameras, self._seconds, self._precision, self._tell = cameras, seconds, precision, tell
        self._detector = detector or Settings().detection.model
        self._photos = sorted(p for p in photos.iterdir() if p.suffix.lower() in PHOTOS) if photos else []
        self._pack = pack

    def run(self, clips: Sequence[Path]) -> E2eReport:
        """Raises DeconvIDError: a clip or a model cannot be used, or the daemon does not start."""
        skipped: dict[str, str] = {}
        with ExitStack() as undo:
            try:
                models = undo.enter_context(Pack.find(self._pack).laid_out())
            except RivalMissingError as error:
                models, skipped["InsightFace"] = None, str(error)
            report = self._report(models)
            report.skipped = skipped
            for clip in clips:
                report.figures.append(self._compare(clip, models))
        self._tell("done")
        return report

    def _report(self, models: Path | None) -> E2eReport:
        embedder = Settings().embedding.model
        folders = (models,) if models else ()
        return E2eReport(
            cores=len(os.sched_getaffinity(0)),
            detector=self._detector,
            embedder=embedder,
            precision=self._precision,
            looks_per_s=LOOKS_PER_S,
            sha256={
                part.name: part.sha256
                for name in (self._detector, embedder)
                for part in find_model(name, folders).parts
            },
        )

    def _compare(self, clip: Path, models: Path | None) -> ClipFigure:
        with TemporaryDirectory(prefix="deconvid-") as folder:
            self._tell(f"repeating clip={clip.name}")
            long = repeat(clip, self._seconds + SLACK_S, Path(folder))
            self._tell(f"timing daemon cameras={self._cameras} clip={clip.name}")
            setup = Setup(self._detector, self._precision, models, self._photos)
            ours = watch_files(setup, long.path, long.fps, self._cameras, self._seconds)
            loops = self._loops(clip, long.path, models / PACK) if models else []
        better = min((loop.cpu_per_camera_s for loop in loops), default=None)
        ratio = round(better / ours.cpu_per_camera_s, 2) if better else None
        return ClipFigure(clip.name, f"{long.width}x{long.height}", long.fps, ours, loops, ratio)

    def _loops(self, clip: Path, long: Path, pack: Path) -> list[LoopFigure]:
        photos = tuple(map(str, self._photos))
        every = tuple(sorted(os.sched_getaffinity(0)))
        together = [LoopTask(str(long), self._cameras, str(pack), self._seconds, LOOKS_PER_S, every, photos)]
        apart = [
            LoopTask(str(long), 1, str(pack), self._seconds, LOOKS_PER_S, (every[i % len(every)],), photos)
            for i in range(self._cameras)
        ]
        found = []
        for tasks in (together, apart):
            self._tell(f"timing insightface processes={len(tasks)} clip={clip.name}")
            found.append(run_loops(tasks))
        return found


def run_loops(tasks: Sequence[LoopTask]) -> LoopFigure:
    """Runs loops at the same time, each in a process of its own."""
    command = [sys.executable, "-m", "daemon.bench.insightface_loop"]
    processes = [
        subprocess.Popen([*command, msgspec.json.encode(task)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for task in tasks
    ]
    reports = [_report_of(process) for process in processes]
    camera_s = sum(report.camera_s for report in reports)
    return LoopFigure(
        processes=len(tasks),
        threads=len(tasks[0].cores),
        camera_s=round(camera_s, 1),
        cpu_per_camera_s=round(sum(report.cpu_s for report in reports) / camera_s, 4),
        looks=sum(report.looks for report in reports),
        faces=sum(report.faces for report in reports),
        people=sorted(set[str]().union(*(report.people for report in reports))),
    )


def _report_of(process: "subprocess.Popen[bytes]") -> LoopReport:
    said, failed = process.communicate()
    if process.returncode:
        raise DeconvIDError(f"the loop around InsightFace failed: {failed.decode(errors='replace')[-300:]}")
    return msgspec.json.decode(said.splitlines()[-1], type=LoopReport)
