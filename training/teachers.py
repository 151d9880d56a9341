"""The permissively licensed teachers: one that the student follows stage by stage, and what both know of a face.

The student learns from MobileFaceNet alone: fused with dlib's ResNet it is not better on LFW (99.2 % both), and only
with one teacher are there features to follow. Both together say which FairFace pictures show one person.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training.faces import load_faces
from training.onnx_runner import load_runner
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


DOWNWARDS = (0, 5, 12)
"""MobileFaceNet's blocks that halve the side: nothing is added to what they give."""
STAGES = tuple(
    f"/features/features.{block}/{'conv/conv.2/Conv' if block in DOWNWARDS else 'Add'}_output_0" for block in range(15)
)
"""Where its features are taken: after every block."""
EMBEDDING = "output0"
MOBILEFACENET = SHARED / "models" / "mobilefacenet_foamliu.onnx"

Features = Callable[[Tensor], Tensor]
"""Clean faces (N, 3, 112, 112) uint8 RGB to features after one stage."""
Teach = Callable[[Tensor], tuple[list[Tensor], Tensor]]
"""Clean faces (N, 3, 112, 112) uint8 RGB to features after stages, and embeddings (N, 128) float, L2 norm 1."""


def load_teacher(device: torch.device, stages: Sequence[str]) -> Teach:
    """Returns MobileFaceNet in BF16. Args: stages: those of `STAGES` whose features are wanted."""
    run = load_runner(MOBILEFACENET, (*stages, EMBEDDING), device)
    prepare = _preparation(device)

    @torch.no_grad()
    def teach(faces: Tensor) -> tuple[list[Tensor], Tensor]:
        *features, embeddings = run(prepare(faces))
        return features, functional.normalize(embeddings.float().flatten(1), dim=1)

    return teach


def load_features(device: torch.device, stage: str) -> Features:
    """Returns MobileFaceNet up to one of `STAGES`, in BF16."""
    run = load_runner(MOBILEFACENET, (stage,), device)
    prepare = _preparation(device)

    @torch.no_grad()
    def features(faces: Tensor) -> Tensor:
        [wanted] = run(prepare(faces))
        return wanted

    return features


def _preparation(device: torch.device) -> Callable[[Tensor], Tensor]:
    mean, std = (torch.from_numpy(v).to(device)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    return lambda faces: (faces.to(device).float() / 255 - mean) / std


def load_prototypes(teach: Teach, cache: Path = RUNS / "prototypes.npy") -> NDArray[np.float32]:
    """Returns MobileFaceNet's embedding of every FairFace crop, (N, 128) float32, L2 norm 1; computed once."""
    if not cache.exists():
        faces, parts = load_faces(), []
        for start in range(0, len(faces), 256):
            rgb = np.ascontiguousarray(faces[start : start + 256, ..., ::-1].transpose(0, 3, 1, 2))
            parts.append(teach(torch.from_numpy(rgb))[1].cpu().numpy())
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, np.concatenate(parts))
    return np.load(cache)


def load_known(cache: Path = RUNS / "targets.npy") -> NDArray[np.float32]:
    """Returns what both teachers know of every FairFace crop, (N, 256) float32, L2 norm 1; computed once (minutes).

    The mean over the face and its mirror image, and the concatenation over teachers. dlib's embeddings all lie in one
    corner of the sphere (two strangers have a cosine of 0.8), so every teacher is centred on the mean of the faces
    before it is normalised; then a cosine of the two together is the mean of their cosines, with equal say.
    """
    if not cache.exists():
        faces, parts = load_faces(), []
        for name in TEACHERS:
            embeddings = embed_all(name, faces)
            centred = unit(embeddings - embeddings.mean((0, 1)))
            parts.append(unit(centred.mean(1)))
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, unit(np.concatenate(parts, 1)))
    return np.load(cache)
