"""What a user writes without DeconvID: `cv2.VideoCapture` and InsightFace's `FaceAnalysis`, for some cameras.

    python -m daemon.bench.insightface_loop TASK

Takes a LoopTask and prints a LoopReport, both JSON. Every camera plays the clip in its own time. Frames that are not
looked at are decoded and not converted, which is the cheaper way.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

from daemon.bench.rivals import session_options

WARM_UP_S = 2.0
SAME = 0.4
"""Cosine from which InsightFace's examples call two faces one person."""
ENOUGH_LOOKS = 2
"""Above it, for a person to count as found."""


class LoopTask(msgspec.Struct, frozen=True):
    clip: str
    cameras: int
    pack: str
    """Folder with the two networks."""
    seconds: float
    looks_per_s: float
    cores: tuple[int, ...]
    photos: tuple[str, ...]


class LoopReport(msgspec.Struct, frozen=True):
    camera_s: float
    """Seconds of video that were read, of all cameras together: fewer than there were where it fell behind."""
    cpu_s: float
    looks: int
    faces: int
    people: list[str]


class Loop:
    def __init__(self, task: LoopTask) -> None:
        from insightface.app import FaceAnalysis

        options = session_options(len(task.cores))
        self._app = FaceAnalysis(name=task.pack, providers=["CPUExecutionProvider"], sess_options=options)
        self._app.prepare(ctx_id=-1, det_size=(640, 640))
        self._gallery = {Path(photo).stem: self._look(cv2.imread(photo))[0] for photo in task.photos}
        self._captures = [cv2.VideoCapture(task.clip) for _ in range(task.cameras)]
        self._fps = self._captures[0].get(cv2.CAP_PROP_FPS)
        self._every = max(1, round(self._fps / task.looks_per_s))
        self.looks = self.faces = 0
        self.people: Counter[str] = Counter()

    def watch(self, seconds: float) -> float:
        """Returns the seconds of video that were watched, of all cameras together."""
        started_s, frames = time.monotonic(), 0
        while frames / self._fps < seconds and (elapsed_s := time.monotonic() - started_s) < seconds:
            time.sleep(max(0.0, frames / self._fps - elapsed_s))
            for turn, capture in enumerate(self._captures):
                if not capture.grab():
                    raise EOFError("the clip is too short")
                if (frames + turn) % self._every == 0:
                    self._note(self._look(capture.retrieve()[1]))
            frames += 1
        return frames / self._fps * len(self._captures)

    def _look(self, picture: Any) -> list[Any]:
        """Returns the embeddings of the faces of a picture, the largest face first."""
        faces = sorted(self._app.get(picture), key=lambda face: face.bbox[0] - face.bbox[2])
        return [face.normed_embedding for face in faces]

    def _note(self, embeddings: list[Any]) -> None:
        self.looks += 1
        self.faces += len(embeddings)
        for embedding in embeddings:
            name, score = max(self._scores(embedding), key=lambda each: each[1], default=("", 0.0))
            self.people[name] += score >= SAME

    def _scores(self, embedding: Any) -> Iterator[tuple[str, float]]:
        return ((name, float(np.dot(known, embedding))) for name, known in self._gallery.items())


def main() -> None:
    task = msgspec.json.decode(sys.argv[1], type=LoopTask)
    os.sched_setaffinity(0, task.cores)
    cv2.setNumThreads(len(task.cores))
    loop = Loop(task)
    loop.watch(WARM_UP_S)
    loop.looks = loop.faces = 0
    started_s = time.process_time()
    camera_s = loop.watch(task.seconds)
    report = LoopReport(
        camera_s=camera_s,
        cpu_s=time.process_time() - started_s,
        looks=loop.looks,
        faces=loop.faces,
        people=sorted(name for name, looks in loop.people.items() if name and looks >= ENOUGH_LOOKS),
    )
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")


if __name__ == "__main__":
    main()
