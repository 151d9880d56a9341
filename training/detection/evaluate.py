"""Measures face detectors side by side.

    deconvid export training/checkpoints/finder_v1.pt runs/finder/finder_v1
    deconvid eval detectors runs/finder/finder_v1.toml centerface yunet_n --out benchmarks/detectors

On LFW: landmarks against SCRFD-2.5G's, pictures without a face found, and what two embedders make of each detector's
landmarks. Recall by size: LFW's pictures made small, on pictures without a face. False faces: pictures of Debian's
packages on which SCRFD-2.5G sees none and from which nothing was learnt (--nobody names their folders; so far
extremetuxracer-data, pingus-data, imagemagick-6-doc, mypaint-data-extras). Clips: agreement with SCRFD-2.5G. Speed: one
core, all detectors in turn. Writes OUT.json; runs/detectors.png is to be looked at and not to be shown: those people
did not agree to that.
"""

import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from config import EmbeddingSettings
from engine.alignment import align
from engine.faces import Detections
from training.detection.backgrounds import ENDINGS, read_background
from training.detection.measures import (
    EAGER,
    best_scores,
    compare_landmarks,
    count_false_faces,
    follow_clip,
    frames,
    read_lfw,
    recall,
    small_faces,
)
from training.detection.rivals import HEADS, digest, load, title
from training.evaluation.embedders import load_embedder
from training.evaluation.lfw import Pairs, most_central, read_pairs
from training.evaluation.verification import verify
from training.paths import RUNS, SHARED, with_ending
from training.recipe import TrainingError

Image = NDArray[np.uint8]

REFERENCE = "scrfd_2.5g_kps"
LFW_PX, CLIP_PX = 320, 640
SIDES_PX = (12, 16, 24, 32, 64)
DOUBTFUL = 0.2
WARM_UP = 3
CLIP_FOLDER = SHARED / "data" / "clips"
CLIPS = {"street-1080p.mp4": 30.0, "hamilton.mp4": 30.0}
"""Smallest face that counts, in the clip's pixels."""


@dataclass(frozen=True, slots=True)
class Material:
    """What every detector is shown."""

    pairs: Pairs
    pictures: list[Image]
    reference: list[Detections]
    nobody: list[Image]
    clips: dict[str, list[Detections]]
    """The reference's faces on every frame, those it doubts included."""


def read_material(folders: Sequence[Path]) -> Material:
    judge, reference = load(REFERENCE, CLIP_PX, DOUBTFUL), load(REFERENCE, LFW_PX)
    nobody = [picture for picture in read_nobody(folders) if not len(judge.detect([picture])[0])]
    pairs = read_pairs()
    pictures = list(read_lfw(pairs.names))
    clips = {clip: [judge.detect([frame])[0] for frame in frames(CLIP_FOLDER / clip)] for clip in CLIPS}
    return Material(pairs, pictures, [reference.detect([picture])[0] for picture in pictures], nobody, clips)


def read_nobody(folders: Sequence[Path]) -> list[Image]:
    files = sorted(f for folder in folders for f in folder.rglob("*") if f.suffix.lower() in ENDINGS)
    pictures = [picture for file in files if (picture := read_background(file)) is not None]
    if not pictures:
        raise TrainingError("no folder with pictures without faces is named. Use --nobody")
    return pictures


def measure(name: str, material: Material, every: int) -> dict[str, Any]:
    """Returns the figures of a detector; takes minutes. Args: every: of LFW's pictures one in so many is made small."""
    detector, eager = load(name, LFW_PX), load(name, LFW_PX, EAGER)
    false = count_false_faces(eager, material.nobody)
    found = [detector.detect([picture])[0] for picture in material.pictures]
    some, of_some = material.pictures[::every], material.reference[::every]
    return {
        "landmarks": asdict(compare_landmarks(found, material.reference)),
        "verification": verification(found, material),
        "false_faces": asdict(false),
        "recall": {
            f"{side} px": asdict(
                recall(best_scores(eager, small_faces(some, of_some, material.nobody, side)), false.strict)
            )
            for side in SIDES_PX
        },
        "clips": {
            clip: asdict(follow_clip(load(name, CLIP_PX), material.clips[clip], CLIP_FOLDER / clip, px))
            for clip, px in CLIPS.items()
        },
    }


def verification(found: Sequence[Detections], material: Material) -> dict[str, Any]:
    """Returns LFW's figures with crops that these landmarks make, by embedder."""
    crops = np.zeros((len(found), 112, 112, 3), np.uint8)
    for i, (picture, faces) in enumerate(zip(material.pictures, found, strict=True)):
        chosen = most_central(faces, 250, 250)
        if chosen is not None:
            crops[i] = align(picture, faces.landmarks[[chosen]])[0]
    first, second = material.pairs.indices.T
    figures = {}
    for name in ("mobilefacenet_foamliu", EmbeddingSettings().model):
        embeddings = load_embedder(name)[0](crops)
        figures[name] = asdict(verify((embeddings[first] * embeddings[second]).sum(1), material.pairs.same))
    return figures


def speeds(names: Sequence[str], rounds: int = 25) -> dict[str, dict[str, float]]:
    """Returns the median milliseconds of network and decoding on one core, at two sizes, all detectors in turn."""
    picture = np.random.default_rng(1).integers(0, 256, (640, 640, 3), dtype=np.uint8)
    taken: dict[str, dict[str, list[float]]] = {name: {"640": [], "320": []} for name in names}
    detectors = {name: load(name, 640) for name in names}
    for _ in range(rounds):
        for size in (640, 320):
            for name, detector in detectors.items():
                started = time.perf_counter()
                detector.detect([picture[:size, :size]])
                taken[name][str(size)].append((time.perf_counter() - started) * 1e3)
    return {
        title(name): {size: round(float(np.median(ms[WARM_UP:])), 2) for size, ms in sizes.items()}
        for name, sizes in taken.items()
    }


def contact_sheet(name: str, material: Material, columns: int = 6) -> Image:
    """Returns what the detector found on small faces, on frames of the clips, and where it was most wrong."""
    detector, tiles = load(name, LFW_PX), []
    for side in SIDES_PX[1:]:
        for face in small_faces(material.pictures[:columns], material.reference[:columns], material.nobody, side):
            tiles.append(drawn(face.canvas, detector.detect([face.canvas])[0]))
    closer = load(name, CLIP_PX)
    for clip in CLIPS:
        shown = list(frames(CLIP_FOLDER / clip))
        tiles += [drawn(frame, closer.detect([frame])[0]) for frame in shown[:: -(-len(shown) // columns)]]
    found = [detector.detect([picture])[0] for picture in material.nobody]
    worst = np.argsort([-float(faces.scores.max(initial=0)) for faces in found])[: 2 * columns]
    tiles += [drawn(material.nobody[i], found[i]) for i in worst]
    tiles = [np.asarray(cv2.resize(tile, (LFW_PX, LFW_PX), interpolation=cv2.INTER_AREA), np.uint8) for tile in tiles]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[row : row + columns]) for row in range(0, len(tiles), columns)])


def drawn(picture: Image, found: Detections) -> Image:
    picture = picture.copy()
    width = max(1, max(picture.shape) // 320)
    for box, points in zip(found.boxes.round().astype(int).tolist(), found.landmarks.round().astype(int), strict=True):
        cv2.rectangle(picture, box[:2], box[2:], (0, 255, 0), width)
        for point in points.tolist():
            cv2.circle(picture, point, width, (0, 255, 255), -1)
    return picture


def evaluate(names: Sequence[str], nobody: Sequence[Path], every: int, out: Path) -> None:
    """Writes the report.

    Args:
        names: of detectors, or paths of manifests; the first one is drawn.
        nobody: folders with pictures without faces.
        every: of LFW's pictures one in so many is made small.
        out: path without ending.
    """
    names, material, figures = names or list(HEADS), read_material(nobody), {}
    for name in names:
        figures[title(name)] = measure(name, material, every)
        print(name, json.dumps(figures[title(name)]), file=sys.stderr)
    report = {
        "command": f"deconvid eval detectors {' '.join(names)} --every {every} --out benchmarks/{out.name}",
        "machine": f"{platform.machine()} {platform.system()}",
        "versions": {package: version(package) for package in ("numpy", "opencv-python", "openvino")},
        "sha256": {title(name): digest(name) for name in names},
        "ms_one_core": speeds(names),
        "detectors": figures,
    }
    with_ending(out, ".json").write_text(json.dumps(report, indent=1) + "\n")
    cv2.imwrite(str(RUNS / "detectors.png"), contact_sheet(names[0], material))
