"""What the restoration head draws: faces as a camera delivered them, restored, and as they were.

    deconvid eval restoration training/checkpoints/deconv_v2.pt --out runs/restored

Held-out FairFace faces, on which nothing was trained. Writes OUT.png, a row for each face, and OUT.json: how near the
restored face is to the clean one (peak signal-to-noise ratio), beside the delivered one and a median filter of it.
"""

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training.checkpoints import read_weights, sha256_of
from training.evaluation.robustness import degradations
from training.faces import load_faces, split
from training.networks import NETWORKS
from training.paths import with_ending
from training.recipe import TrainingError
from training.tensors import normalise, to_tensor

Image = NDArray[np.uint8]
MEDIAN_PX = 5


@torch.no_grad()
def restore(checkpoint: Mapping[str, Any], crops: Sequence[Image]) -> list[Image]:
    """Returns what a checkpoint's network draws of (112, 112, 3) uint8 BGR crops, likewise.

    Raises:
        TrainingError: the network draws nothing.
    """
    name = checkpoint["recipe"]["network"]
    network: Any = NETWORKS[name]()
    if network.restore is None:
        raise TrainingError(f"{name} restores no faces. Name a checkpoint of deconv or unpool")
    network.load_state_dict(checkpoint["weights"])
    _, mended = network.eval()(normalise(torch.stack([to_tensor(crop) for crop in crops])))
    drawn = (127.5 * network.restore(mended) + 127.5).clamp(0, 255).round().to(torch.uint8)
    return [np.ascontiguousarray(rgb.numpy().transpose(1, 2, 0)[..., ::-1]) for rgb in drawn]


def measure(path: Path, out: Path, faces: int = 256, shown: int = 8) -> None:
    """Writes OUT.png of the first faces and OUT.json of all.

    Args:
        path: of a checkpoint.
        out: path without ending.
        faces: how many are measured.
        shown: how many of them are drawn.

    Raises:
        TrainingError: the checkpoint cannot be read, or its network draws nothing.
    """
    checkpoint, everybody = read_weights(path), load_faces()
    clean = [np.array(everybody[i]) for i in split(len(everybody))[1][:faces]]
    columns, ratios = [clean[:shown]], {}
    for probe, degradation in degradations(np.random.default_rng(1)).items():
        seen = [degradation(face) for face in clean]
        restored = restore(checkpoint, seen)
        columns += [seen[:shown], restored[:shown]]
        filtered = [np.asarray(cv2.medianBlur(face, MEDIAN_PX), np.uint8) for face in seen]
        sides = {"delivered": seen, "median filter": filtered, "restored": restored}
        ratios[probe] = {side: decibels(images, clean) for side, images in sides.items()}
        print(probe, ratios[probe], flush=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(with_ending(out, ".png")), np.hstack([np.vstack(column) for column in columns]))
    report = {
        "command": f"deconvid eval restoration {path.name} --out benchmarks/{out.name}",
        "machine": f"{platform.machine()} {platform.system()}",
        "versions": {name: version(name) for name in ("numpy", "opencv-python", "torch")},
        "checkpoint": {"network": checkpoint["recipe"]["network"], "sha256": sha256_of(path)},
        "faces": faces,
        "psnr_db": ratios,
    }
    with_ending(out, ".json").write_text(json.dumps(report, indent=1) + "\n")


def decibels(images: Sequence[Image], clean: Sequence[Image]) -> float | None:
    """Returns the mean peak signal-to-noise ratio of pictures, None if they are the clean ones."""
    errors = [float(np.square(a.astype(np.float32) - b).mean()) for a, b in zip(images, clean, strict=True)]
    return round(float(np.mean(10 * np.log10(255**2 / np.array(errors)))), 2) if all(errors) else None
