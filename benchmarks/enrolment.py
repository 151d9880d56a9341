"""How many photos a second `deconvid people import` enrols, and what memory it takes.

    python -m benchmarks.enrolment FOLDER --out benchmarks/enrolment.json

FOLDER has a subfolder for each person. Seconds are of processor time, over all threads: a rate is per core. The rate
after detection leaves out the detector alone: decoding, alignment, quality, embedding, comparison, sealing and SQLite
are in it. Intervals: bootstrap over the batches that are embedded and committed together.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import tell
from config import EmbeddingSettings, Settings
from daemon.enrolment import Accepted, enrol_photos
from daemon.enrolment.enrolling import BATCH
from daemon.enrolment.roster import read_folders
from daemon.procfs import resident_bytes
from daemon.store import Store
from engine import Detections, FaceEngine
from engine.detectors import Detector
from engine.machine import processor
from engine.manifests import find_model

DRAWS = 2000
MEMORY_EVERY = 10
"""Batches."""


class TimedDetector:
    """Counts the processor time that detection takes."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.seconds = 0.0

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        started = time.process_time()
        found = self._detector.detect(images)
        self.seconds += time.process_time() - started
        return found


def measure(folder: Path) -> dict[str, object]:
    roster = read_folders(folder)
    settings = Settings(embedding=EmbeddingSettings(threads=1))
    engine = FaceEngine.load(settings)
    detector = TimedDetector(engine.detector)
    engine.detector = detector
    counts: Counter[str] = Counter()
    batches: list[tuple[int, float, float]] = []
    memory_mb: list[int] = []
    with tempfile.TemporaryDirectory() as state, Store.open(Path(state) / "identities.sqlite") as store:
        started, detected = time.process_time(), 0.0
        for number, outcome in enumerate(enrol_photos(store, engine, roster), 1):
            counts["accepted" if isinstance(outcome, Accepted) else outcome.reason] += 1
            if number % BATCH == 0:
                now = time.process_time()
                batches.append((BATCH, now - started, detector.seconds - detected))
                started, detected = now, detector.seconds
                memory_mb += [resident_bytes() >> 20] if len(batches) % MEMORY_EVERY == 0 else []
    photos, all_s, detector_s = np.array(batches).T
    return {
        "command": "python -m benchmarks.enrolment FOLDER --out benchmarks/enrolment.json",
        "machine": processor(),
        "load_at_end": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in ("numpy", "onnxruntime", "openvino", "pillow", "cryptography")},
        "models": {name: find_model(name).sha256 for name in (settings.detection.model, settings.embedding.model)},
        "photos": len(roster),
        "people": len({entry.name for entry in roster}),
        "outcomes": dict(counts),
        "photos_per_core_second": rate(photos, all_s),
        "photos_per_core_second_after_detection": rate(photos, all_s - detector_s),
        "memory_mb": memory_mb,
        "memory_mb_each_photos": MEMORY_EVERY * BATCH,
    }


def rate(photos: NDArray[np.float64], seconds: NDArray[np.float64]) -> dict[str, object]:
    draws = np.random.default_rng(0).integers(0, len(photos), (DRAWS, len(photos)))
    low, high = np.percentile(photos[draws].sum(1) / seconds[draws].sum(1), [2.5, 97.5])
    return {"mean": round(photos.sum() / seconds.sum(), 1), "interval_95": [round(low, 1), round(high, 1)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    tell(measure(args.folder), args.out)


if __name__ == "__main__":
    main()
