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
    cpu_per_camera_s: float
    wall_per_camera_s: float
    looks: int
    faces: int
    people: list[str]


class ClipFigure(msgspec.Struct, frozen=True):
    clip: str
    picture: str
    fps: float
    daemon: DaemonFigure
    loops: list[LoopFigure]
    """One process on all cores, and one on each core."""
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
            sha256={name: find_model(name, folders).sha256 for name in (self._detector, embedder)},
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
        cores = tuple(sorted(os.sched_getaffinity(0)))
        found = []
        for shares in dict.fromkeys([(cores,), tuple((core,) for core in cores)]):
            self._tell(f"timing insightface processes={len(shares)} clip={clip.name}")
            found.append(self._loop(long, pack, shares))
        return found

    def _loop(self, clip: Path, pack: Path, shares: Sequence[tuple[int, ...]]) -> LoopFigure:
        """Args: shares: cores of each process."""
        photos = tuple(map(str, self._photos))
        tasks = [LoopTask(str(clip), str(pack), self._seconds, LOOKS_PER_S, cores, photos) for cores in shares]
        command = [sys.executable, "-m", "daemon.bench.insightface_loop"]
        processes = [
            subprocess.Popen([*command, msgspec.json.encode(task)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for task in tasks
        ]
        reports = [_report_of(process) for process in processes]
        return LoopFigure(
            processes=len(reports),
            threads=len(shares[0]),
            cpu_per_camera_s=round(sum(r.cpu_s for r in reports) / sum(r.media_s for r in reports), 4),
            wall_per_camera_s=round(max(r.wall_s for r in reports) / sum(r.media_s for r in reports), 4),
            looks=sum(r.looks for r in reports),
            faces=sum(r.faces for r in reports),
            people=sorted(set[str]().union(*(r.people for r in reports))),
        )


def _report_of(process: "subprocess.Popen[bytes]") -> LoopReport:
    said, failed = process.communicate()
    if process.returncode:
        raise DeconvIDError(f"the loop around InsightFace failed: {failed.decode(errors='replace')[-300:]}")
    return msgspec.json.decode(said.splitlines()[-1], type=LoopReport)
