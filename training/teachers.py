"""Embeddings of the permissively licensed teachers, fused into one target for the student.

    python -m training.teachers

The target of a face is the mean over the face and its mirror image, and the concatenation over teachers.
dlib's embeddings all lie in one corner of the sphere (two strangers have a cosine of 0.8), so every teacher
is centred on the mean of the training faces before it is normalised; then a cosine of the target is the mean
of the teachers' cosines, with equal say. Student cosines are therefore comparable with nothing but the student's.
"""

import logging
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.faces import load_faces
from training.paths import RUNS, SHARED

logger = logging.getLogger(__name__)

ARCFACE_TO_DLIB = np.array([[1.506848, -0.003823, -9.534034], [0.003823, 1.506848, -33.628290]])
"""Least-squares similarity from the ArcFace template (112 px) to dlib's (150 px, models/dlib_template_150.npy)."""

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)


def foamliu_input(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 112, 112, 3) uint8 BGR to MobileFaceNet's (N, 3, 112, 112) float32 RGB, ImageNet statistics."""
    rgb = faces[..., ::-1].astype(np.float32) / 255
    return np.ascontiguousarray(((rgb - IMAGENET_MEAN) / IMAGENET_STD).transpose(0, 3, 1, 2))


def dlib_input(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 112, 112, 3) uint8 BGR to dlib's (N, 3, 150, 150) float32 RGB 0..255, aligned to dlib's template."""
    chips = [cv2.warpAffine(f, ARCFACE_TO_DLIB, (150, 150), borderMode=cv2.BORDER_REPLICATE) for f in faces]
    return np.ascontiguousarray(np.stack(chips)[..., ::-1].transpose(0, 3, 1, 2), dtype=np.float32)


TEACHERS = {"mobilefacenet_foamliu": foamliu_input, "dlib_resnet": dlib_input}


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def embed_all(name: str, faces: NDArray[np.uint8], batch: int = 32) -> NDArray[np.float32]:
    """Returns one teacher's embeddings of faces and of their mirror images, each L2-normalised, (N, 2, D)."""
    import openvino as ov  # not at hand where only the student is trained

    model = ov.Core().compile_model(SHARED / "models" / f"{name}.onnx", "CPU")
    prepare, out = TEACHERS[name], []
    for start in range(0, len(faces), batch):
        plain = faces[start : start + batch]
        both = [unit(model(prepare(f))[0]) for f in (plain, plain[:, :, ::-1])]
        out.append(np.stack(both, 1))
        if start % 6400 == 0:
            logger.info("teacher %s: %d of %d", name, start, len(faces))
    return np.concatenate(out)


def load_targets(cache: Path = RUNS / "targets.npy") -> NDArray[np.float32]:
    """Returns the fused target of every training face, (N, 256) float32, L2 norm 1; computed once (minutes)."""
    if not cache.exists():
        faces, parts = load_faces(), []
        for name in TEACHERS:
            embeddings = embed_all(name, faces)
            centred = unit(embeddings - embeddings.mean((0, 1)))
            parts.append(unit(centred.mean(1)))
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, unit(np.concatenate(parts, 1)))
    return np.load(cache)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logger.info("targets %s", load_targets().shape)
