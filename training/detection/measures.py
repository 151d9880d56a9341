"""What a detector is worth: faces found by size, false ones, landmarks, and what recognition makes of them."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.detectors import Detector
from engine.faces import Detections
from training.evaluation.intervals import Figure, bootstrap, bootstrap_share
from training.evaluation.lfw import FOLDER, most_central

Image = NDArray[np.uint8]

SAME = 0.4
"""Intersection over union from which two boxes are one face."""
CANVAS_PX = 320
EAGER = 0.15
"""Score from which detectors are compared at equal numbers of false faces."""


def read_lfw(names: Sequence[str]) -> Iterator[Image]:
    """Yields LFW's pictures, (250, 250, 3) BGR."""
    with zipfile.ZipFile(FOLDER / "images.zip") as archive:
        for name in names:
            yield np.asarray(cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR), np.uint8)


def overlaps(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the intersection over union of one box (4,) with each of (N, 4)."""
    common = (np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])).clip(0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    return np.asarray(common / np.maximum(areas - common, 1e-6), np.float32)


def finds(found: Detections, box: NDArray[np.float32]) -> bool:
    return bool(len(found) and overlaps(box, found.boxes).max() >= SAME)


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Of the face that each LFW picture is about."""

    missed: int
    """Pictures without any face found."""
    compared: int
    """Pictures on which both detectors found that face."""
    error_percent: Figure
    """Mean distance of the five points from the reference's, in percent of the reference's eye distance."""


def compare_landmarks(found: Sequence[Detections], reference: Sequence[Detections]) -> Landmarks:
    """Args: found, reference: of the same pictures, 250x250 pixels."""
    errors = []
    for ours, theirs in zip(found, reference, strict=True):
        mine, wanted = most_central(ours, 250, 250), most_central(theirs, 250, 250)
        if mine is None or wanted is None or not finds(ours[mine : mine + 1], theirs.boxes[wanted]):
            continue
        off = np.linalg.norm(ours.landmarks[mine] - theirs.landmarks[wanted], axis=1).mean()
        errors.append(off / theirs.eye_distances[wanted])
    values = np.array(errors)
    return Landmarks(
        missed=sum(not len(each) for each in found),
        compared=len(values),
        error_percent=bootstrap(lambda drawn: float(values[drawn].mean()), len(values)),
    )


@dataclass(frozen=True, slots=True)
class SmallFace:
    """An LFW picture made small and put somewhere on a picture without faces."""

    canvas: Image
    box: NDArray[np.float32]


def small_faces(
    pictures: Sequence[Image], reference: Sequence[Detections], nobody: Sequence[Image], side_px: int
) -> Iterator[SmallFace]:
    """Yields each picture so that its face is `side_px` large, on a canvas of 320x320; the same ones every time."""
    rng = np.random.default_rng(side_px)
    for picture, faces in zip(pictures, reference, strict=True):
        chosen = most_central(faces, 250, 250)
        if chosen is None:
            continue
        scale = side_px / float(faces.sides[chosen])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if max(small.shape) > CANVAS_PX:
            continue
        canvas = cv2.resize(
            nobody[int(rng.integers(len(nobody)))], (CANVAS_PX, CANVAS_PX), interpolation=cv2.INTER_AREA
        )
        x, y = (int(rng.integers(0, CANVAS_PX - side + 1)) for side in small.shape[1::-1])
        canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
        yield SmallFace(np.asarray(canvas, np.uint8), faces.boxes[chosen] * scale + np.array([x, y, x, y], np.float32))


@dataclass(frozen=True, slots=True)
class Recall:
    at_half: Figure
    """Percent of the faces found with a score of at least 0.5."""
    at_equal_false: Figure
    """Percent found at the score that 10 false faces among 1,000 pictures without a face reach."""


def recall(scores: NDArray[np.float32], strict: float) -> Recall:
    """Args: scores: (N,) best score that each face was found with, 0 if it was not; strict: see `at_equal_false`."""
    shares = [
        bootstrap_share(lambda drawn, t=t: float((scores[drawn] >= t).mean()), len(scores)) for t in (0.5, strict)
    ]
    return Recall(*shares)


def best_scores(detector: Detector, faces: Iterator[SmallFace]) -> NDArray[np.float32]:
    """Returns (N,) the score of the best detection that lies on each face, 0 if there is none."""
    scores = []
    for face in faces:
        [found] = detector.detect([face.canvas])
        on_it = found.scores[overlaps(face.box, found.boxes) >= SAME]
        scores.append(float(on_it.max(initial=0)))
    return np.array(scores, np.float32)


@dataclass(frozen=True, slots=True)
class FalseFaces:
    pictures: int
    per_1000: float
    """Detections with a score of at least 0.5 on pictures without a face, per 1,000 pictures."""
    strict: float
    """The score that 10 in 1,000 pictures reach."""


def count_false_faces(detector: Detector, nobody: Sequence[Image]) -> FalseFaces:
    scores = [detector.detect([picture])[0].scores for picture in nobody]
    best = np.sort([float(each.max(initial=0)) for each in scores])[::-1]
    count = sum(int((each >= 0.5).sum()) for each in scores)
    strict = max(EAGER, float(best[len(nobody) // 100]) + 1e-4)
    return FalseFaces(len(nobody), round(1000 * count / len(nobody), 1), round(strict, 4))


@dataclass(frozen=True, slots=True)
class Clip:
    """Beside a reference detector, over the frames of a clip."""

    faces: int
    """That the reference found, of a given size at least."""
    found_percent: float
    others: int
    """Detections that the reference does not confirm, at any score from 0.2."""


def frames(path: Path) -> Iterator[Image]:
    """Yields a clip's pictures, (H, W, 3) BGR."""
    capture = cv2.VideoCapture(str(path))
    while (frame := capture.read()[1]) is not None:
        yield np.asarray(frame, np.uint8)


def follow_clip(detector: Detector, reference: Sequence[Detections], path: Path, smallest_px: float) -> Clip:
    """Args: reference: of each frame, with scores from 0.2; those below 0.5 only confirm."""
    faces = found = others = 0
    for picture, perhaps in zip(frames(path), reference, strict=True):
        [ours] = detector.detect([picture])
        wanted = perhaps[(perhaps.sides >= smallest_px) & (perhaps.scores >= 0.5)]
        faces += len(wanted)
        found += sum(finds(ours, box) for box in wanted.boxes)
        others += sum(not finds(perhaps, box) for box in ours.boxes)
    return Clip(faces, round(100 * found / max(faces, 1), 2), others)
