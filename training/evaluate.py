"""Measures an embedder through the pipeline that ships: detector, five-point alignment, embedding.

    python -m training.evaluate deconv_v0 --out benchmarks/lfw-deconv_v0.json

Labeled Faces in the Wild, 6,000 pairs in 10 folds; the threshold of each fold is the best one of the other nine.
No flip, one crop a picture, cosine. The pictures are for testing only and never train anything.
"""

import argparse
import hashlib
import json
import platform
import sys
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine import Detections, FaceEngine
from engine.alignment import align
from engine.detectors import load_detector
from engine.embedder import Embedder
from engine.manifests import ModelSpec, find_model
from training.degrade import DegradationRanges, degrade
from training.paths import SHARED

Embed = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""(N, 112, 112, 3) uint8 BGR crops to (N, D) float32 embeddings of L2 norm 1."""


PROBABLY_ONE_PERSON = 0.7
"""Cosine of the teachers' fused embeddings; they exceed it for about 1 in 50,000 pairs of FairFace pictures."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification test over pairs gave; shares in percent."""

    accuracy: float
    deviation: float
    """Standard deviation over the ten folds."""
    tar_at_far_1e_2: float
    tar_at_far_1e_3: float
    """Rests on 3 of 3,000 impostor pairs: coarse."""
    equal_error_rate: float


@dataclass(frozen=True, slots=True)
class LfwResult:
    clean: Verification
    probe_16px: Verification
    """The second picture of each pair reduced to 16 px and enlarged again."""
    pictures: int
    missed: int
    """Pictures in which the detector found no face."""


def lfw_pairs() -> tuple[list[str], NDArray[np.intp], NDArray[np.bool_]]:
    """Returns the pictures' names, (6000, 2) indices into them, and (6000,) whether it is the same person."""
    pairs, same = [], []
    for line in (SHARED / "data" / "lfw" / "pairs.txt").read_text().strip().split("\n")[1:]:
        cells = line.split("\t")
        genuine = len(cells) == 3
        first, second = (cells[0], cells[1]), ((cells[0], cells[2]) if genuine else (cells[2], cells[3]))
        pairs.append([f"{name}/{name}_{int(number):04d}.webp" for name, number in (first, second)])
        same.append(genuine)
    names = sorted({name for pair in pairs for name in pair})
    index = {name: i for i, name in enumerate(names)}
    return names, np.array([[index[n] for n in pair] for pair in pairs]), np.array(same)


def most_central(detections: Detections, width: int, height: int) -> int | None:
    """Returns the face that the picture is about: large and near the middle; None if there is none."""
    if not len(detections):
        return None
    sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
    centres = detections.boxes[:, :2] + sides / 2
    off = np.square(centres - (width / 2, height / 2)).sum(1)
    return int(np.argmax(sides.prod(1) - 2 * off))


def lfw_crops(engine: FaceEngine, names: list[str]) -> tuple[NDArray[np.uint8], int]:
    """Returns (N, 112, 112, 3) aligned crops, black where no face was found, and how many those were."""
    crops, missed = np.zeros((len(names), 112, 112, 3), np.uint8), 0
    with zipfile.ZipFile(SHARED / "data" / "lfw" / "images.zip") as archive:
        for i, name in enumerate(names):
            coded = np.frombuffer(archive.read(name), np.uint8)
            image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
            [found] = engine.detector.detect([image])
            chosen = most_central(found, image.shape[1], image.shape[0])
            if chosen is None:
                missed += 1
            else:
                crops[i] = align(image, found.landmarks[[chosen]])[0]
    return crops, missed


def verify(scores: NDArray[np.float32], same: NDArray[np.bool_], folds: int = 10) -> Verification:
    """Returns the figures of a verification test.

    Args:
        scores: (P,) float32, cosine of each pair.
        same: (P,) bool, whether the pair is one person; pairs are ordered by fold.
    """
    fold, right = np.arange(len(scores)) * folds // len(scores), []
    for k in range(folds):
        others = fold != k
        candidates = np.unique(scores[others])
        genuine, impostor = np.sort(scores[others & same]), np.sort(scores[others & ~same])
        hits = len(genuine) - np.searchsorted(genuine, candidates) + np.searchsorted(impostor, candidates)
        best = candidates[np.argmax(hits)]
        right.append(float(((scores[~others] >= best) == same[~others]).mean()))
    genuine, impostor = scores[same], np.sort(scores[~same])[::-1]

    def accepted(far: float) -> float:
        return float((genuine > impostor[round(far * len(impostor))]).mean() * 100)

    thresholds = np.unique(scores)
    rejected = np.searchsorted(np.sort(genuine), thresholds) / len(genuine)
    passed = 1 - np.searchsorted(impostor[::-1], thresholds) / len(impostor)
    equal = int(np.argmin(np.abs(rejected - passed)))
    return Verification(
        accuracy=round(float(np.mean(right)) * 100, 2),
        deviation=round(float(np.std(right)) * 100, 2),
        tar_at_far_1e_2=round(accepted(1e-2), 2),
        tar_at_far_1e_3=round(accepted(1e-3), 2),
        equal_error_rate=round(float(rejected[equal] + passed[equal]) / 2 * 100, 2),
    )


def evaluate_lfw(engine: FaceEngine) -> LfwResult:
    """Returns LFW's figures for an engine; takes minutes."""
    names, pairs, same = lfw_pairs()
    crops, missed = lfw_crops(engine, names)
    clean = engine.embedder.embed(crops)
    distant = engine.embedder.embed(np.stack([_at_distance(crop, 16) for crop in crops]))
    first, second = pairs.T
    return LfwResult(
        clean=verify((clean[first] * clean[second]).sum(1), same),
        probe_16px=verify((clean[first] * distant[second]).sum(1), same),
        pictures=len(names),
        missed=missed,
    )


def _at_distance(crop: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    small = cv2.resize(crop, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, crop.shape[:2], interpolation=cv2.INTER_CUBIC)


def impostor_threshold(
    embed: Embed,
    faces: NDArray[np.uint8],
    groups: NDArray[np.str_],
    known: NDArray[np.float32],
    false_match_rate: float,
) -> float:
    """Returns the cosine that this share of comparisons of two strangers of the same race and gender exceeds.

    Strangers of one group are harder to tell apart than strangers at large, and they are the ones who meet. The gallery
    is clean and the probe degraded, as with enrolment photos and cameras.

    Args:
        embed: the embedder.
        faces: (N, 112, 112, 3) uint8 BGR crops, none of them trained on.
        groups: (N,) race and gender of each.
        known: (N, D) float32, L2 norm 1: a better embedder's opinion of them. FairFace has some people twice; pairs
            that it finds alike are left out.
        false_match_rate: the share.
    """
    rng, ranges = np.random.default_rng(11), DegradationRanges(smallest_face_px=20)
    scores = embed(faces) @ embed(np.stack([degrade(face, rng, ranges) for face in faces])).T
    return float(np.quantile(scores[stranger_pairs(groups, known)], 1 - false_match_rate))


def stranger_pairs(groups: NDArray[np.str_], known: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Returns (N, N) bool: of the same group, and neither the same picture nor probably the same person."""
    pairs: NDArray[np.bool_] = (groups[:, None] == groups) & (known @ known.T < PROBABLY_ONE_PERSON)
    np.fill_diagonal(pairs, False)
    return pairs


def pipeline(embedder: ModelSpec, detector: str = "centerface") -> FaceEngine:
    """Returns the engine that ships with this embedder in it, at a detector size that suits portraits."""
    return FaceEngine(load_detector(find_model(detector), size_px=320, threads=2), Embedder.load(embedder, threads=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="name of an embedder's manifest")
    parser.add_argument("--detector", default="centerface")
    parser.add_argument("--models", type=Path, action="append", default=[], help="further folder with manifests")
    parser.add_argument("--out", type=Path, help="write the JSON here as well")
    args = parser.parse_args()
    engine = pipeline(find_model(args.model, args.models), args.detector)
    report = {
        "command": f"python -m training.evaluate {' '.join(sys.argv[1:])}",
        "machine": f"{platform.machine()} {platform.system()}",
        "versions": {name: version(name) for name in ("numpy", "opencv-python", "onnxruntime", "openvino")},
        "embedder": {"name": args.model, "sha256": engine.embedder.digest},
        "detector": args.detector,
        "lfw_pairs_sha256": hashlib.sha256((SHARED / "data" / "lfw" / "pairs.txt").read_bytes()).hexdigest(),
        "lfw": asdict(evaluate_lfw(engine)),
    }
    text = json.dumps(report, indent=1) + "\n"
    sys.stdout.write(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


if __name__ == "__main__":
    main()
