"""Exports the trained detector as ONNX with a manifest beside it.

    deconvid export runs/detector.pt engine/models/finder_v1

The graph takes `pictures` (N, 3, H, W) float32 RGB in 0..1, sides multiples of 32, and gives `at8`, `at16` and `at32`
as engine/detectors/finder.py reads them. Beside it lies NAME.recorded.npy: what PyTorch computed of engine/probes.py's
picture, against which every runtime is tested.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.probes import probe_picture
from training.detection.network import STRIDES, DetectorNetwork, scaled
from training.onnx_graph import fuse_batch_norms, write_onnx
from training.paths import with_ending
from training.tensors import to_tensor


def write_manifest(path: Path, seen: int) -> None:
    """Writes the manifest beside an ONNX file, as engine/manifests.py reads it."""
    path.with_suffix(".toml").write_text(f"""name = "{path.stem}"
task = "detector"
kind = "finder"
file = "{path.name}"
sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"
colour = "rgb"
mean = 0
std = 255
landmarks = "landmarks_v1"
licence = "Apache-2.0"
source = "training/detection on FairFace (CC BY 4.0), {seen:,} scenes; from YuNet's layers (Apache-2.0) on"
""")


def export(checkpoint: Mapping[str, Any], out: Path) -> None:
    """Writes ONNX and manifest; arguments as of training/export.py."""
    network = DetectorNetwork()
    network.load_state_dict(checkpoint["weights"])
    network.eval()
    fuse_batch_norms(network)
    outputs = [f"at{stride}" for stride in STRIDES]
    axes = {name: {0: "batch", 2: f"height_{name}", 3: f"width_{name}"} for name in ["pictures", *outputs]}
    path = with_ending(out, ".onnx")
    write_onnx(network, torch.zeros(1, 3, 64, 96), path, ["pictures"], outputs, axes)
    with torch.no_grad():
        levels = network(scaled(to_tensor(probe_picture())[None]))
    np.save(path.with_suffix(".recorded.npy"), torch.cat([level.flatten() for level in levels]).numpy())
    write_manifest(path, checkpoint["seen"])
