"""Models for tests of the engine, and detections out of thin air."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from engine.detectors import Detector, load_detector
from engine.faces import Detections
from engine.manifests import ModelSpec, find_model
from engine.runtimes import Execution
from training.paths import SHARED

# A busy machine makes a test slow, not wrong.
settings.register_profile("deconvid", deadline=None)
settings.load_profile("deconvid")

MakeSpec = Callable[..., ModelSpec]


@pytest.fixture(scope="session")
def detector() -> Detector:
    return load_detector(find_model("finder_v1"), how=Execution(threads=1))


@pytest.fixture
def shared_model(tmp_path: Path) -> MakeSpec:
    """Returns a function that writes a manifest for a file of ../shared/models and reads it."""

    def make(file: str, **keys: str | float) -> ModelSpec:
        source = SHARED / "models" / file
        if not source.is_file():
            pytest.skip(f"../shared/models/{file} is absent")
        copy = tmp_path / file
        shutil.copyfile(source, copy)
        lines = {
            "name": "model",
            "file": file,
            "sha256": hashlib.sha256(copy.read_bytes()).hexdigest(),
            "colour": "rgb",
            "mean": 127.5,
            "std": 127.5,
            "licence": "research",
            "source": "shared",
            **keys,
        }
        manifest = tmp_path / "model.toml"
        manifest.write_text("".join(f"{key} = {value!r}\n" for key, value in lines.items()))
        return ModelSpec.read(manifest)

    return make


def make_detections(landmarks: NDArray[np.float32], score: float = 0.9) -> Detections:
    """Faces with these landmarks, (N, 5, 2), and the landmarks' own bounding boxes."""
    landmarks = np.asarray(landmarks, np.float32)
    boxes = np.concatenate([landmarks.min(axis=1), landmarks.max(axis=1)], axis=1)
    return Detections(boxes, np.full(len(landmarks), score, np.float32), landmarks)
