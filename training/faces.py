"""FairFace crops in memory, and their teachers' embeddings."""

import csv
import logging
import zipfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.paths import RUNS, SHARED

logger = logging.getLogger(__name__)


def load_faces(cache: Path = RUNS / "fairface112.npy") -> NDArray[np.uint8]:
    """Returns every FairFace crop, (N, 112, 112, 3) uint8 BGR, memory-mapped from `cache` once it is made."""
    if not cache.exists():
        folder = SHARED / "data" / "fairface112"
        with open(folder / "faces.csv", newline="") as table, zipfile.ZipFile(folder / "faces.zip") as archive:
            names = [row["file"] for row in csv.DictReader(table)]
            cache.parent.mkdir(parents=True, exist_ok=True)
            faces = np.lib.format.open_memmap(
                cache.with_suffix(".part"), "w+", dtype=np.uint8, shape=(len(names), 112, 112, 3)
            )
            for i, name in enumerate(names):
                faces[i] = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR)
        cache.with_suffix(".part").rename(cache)
    return np.load(cache, mmap_mode="r")


def load_groups() -> NDArray[np.str_]:
    """Returns each face's race and gender, as FairFace's annotators saw them, (N,) in the order of `load_faces`."""
    with open(SHARED / "data" / "fairface112" / "faces.csv", newline="") as table:
        return np.array([f"{row['race']}, {row['gender']}" for row in csv.DictReader(table)])


def split(count: int, held_out: int = 1024) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Returns indices for training and for validation; the same ones every time."""
    order = np.random.default_rng(20261122).permutation(count)
    return order[held_out:], order[:held_out]
