"""What bf16 costs in accuracy: the shipped embedder and detector, each against itself in f32.

    python -m benchmarks.precision --out benchmarks/precision.json

Embedder: Labeled Faces in the Wild, both sides in f32, both in bf16, and one of each, as after the setting was changed.
Detector: every 25th picture of it, and every 30th frame of two clips; how far landmarks move, in eye distances, and
what that does to embeddings in f32.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.command import tell
from config import Settings
from engine.alignment import align
from engine.detectors import Detector, load_detector
from engine.embedder import Embedder
from engine.machine import processor
from engine.manifests import find_model
from engine.runtimes import Execution
from training.detection.measures import read_lfw
from training.evaluate import crops_as_shipped
from training.evaluation.lfw import read_pairs
from training.evaluation.verification import verify
from training.paths import SHARED

Image = NDArray[np.uint8]
Figures = dict[str, float]

THREADS = 1
EVERY_PICTURE, EVERY_FRAME = 25, 30
CLIPS = ("street-1080p.mp4", "hamilton.mp4")
SMALLEST_EYES_PX = 12.0
"""Smaller faces are not embedded."""


def compare_embedders(exact: Embedder, rounded: Embedder, detector: str) -> dict[str, object]:
    pairs = read_pairs()
    crops = crops_as_shipped(pairs.names, detector).pixels
    f32, bf16 = exact.embed(crops), rounded.embed(crops)
    first, second = pairs.indices.T
    sides = {"f32": (f32, f32), "bf16": (bf16, bf16), "f32 with bf16": (f32, bf16)}
    scores = {name: (left[first] * right[second]).sum(1) for name, (left, right) in sides.items()}
    return {
        "cosine_with_f32": spread((f32 * bf16).sum(1)),
        "score_moves": {name: spread(abs(each - scores["f32"])) for name, each in scores.items() if name != "f32"},
        "lfw": {name: asdict(verify(each, pairs.same)) for name, each in scores.items()},
    }


def compare_detectors(exact: Detector, rounded: Detector, embedder: Embedder) -> dict[str, object]:
    found = np.zeros(2, int)
    moves, cosines = [np.zeros(0)], [np.zeros(0)]
    for picture in pictures():
        [one], [other] = exact.detect([picture]), rounded.detect([picture])
        found += (len(one), len(other))
        if not len(one) or not len(other):
            continue
        apart = np.linalg.norm(one.landmarks.mean(1)[:, None] - other.landmarks.mean(1), axis=-1)
        paired = apart.min(1) < one.sides / 2
        one, other = one[np.flatnonzero(paired)], other[apart.argmin(1)[paired]]
        moves.append(np.linalg.norm(one.landmarks - other.landmarks, axis=-1).mean(1) / one.eye_distances)
        large = np.flatnonzero(one.eye_distances >= SMALLEST_EYES_PX)
        left, right = (embedder.embed(align(picture, faces.landmarks[large])) for faces in (one, other))
        cosines.append((left * right).sum(1))
    return {
        "faces": {"f32": int(found[0]), "bf16": int(found[1])},
        "landmarks_move_eye_distances": spread(np.concatenate(moves)),
        "cosine_of_the_crops": spread(np.concatenate(cosines)),
    }


def pictures() -> Iterator[Image]:
    yield from read_lfw(read_pairs().names[::EVERY_PICTURE])
    for clip in CLIPS:
        with av.open(str(SHARED / "data" / "clips" / clip)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number % EVERY_FRAME == 0:
                    yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def spread(values: NDArray[np.floating]) -> Figures:
    low, p1, median, p99, high = np.percentile(values, [0, 1, 50, 99, 100]).round(5).tolist()
    return {"min": low, "p1": p1, "median": median, "p99": p99, "max": high}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default=Settings().embedding.model)
    parser.add_argument("--detector", default=Settings().detection.model)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    embedding, detection = find_model(args.embedder), find_model(args.detector)
    f32, bf16 = (Embedder.load(embedding, Execution("openvino", THREADS, precision)) for precision in ("f32", "bf16"))
    exact = load_detector(detection, how=Execution("openvino", THREADS))
    rounded = load_detector(detection, how=Execution("openvino", THREADS, "bf16"))
    report = {
        "command": f"python -m benchmarks.precision {' '.join(sys.argv[1:])}",
        "machine": processor(),
        "versions": {name: version(name) for name in ("numpy", "opencv-python", "openvino")},
        "sha256": {spec.name: spec.sha256 for spec in (embedding, detection)},
        "embedder": compare_embedders(f32, bf16, detection.name),
        "detector": compare_detectors(exact, rounded, f32),
    }
    tell(report, args.out)


if __name__ == "__main__":
    main()
