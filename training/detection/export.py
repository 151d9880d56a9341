"""Exports the trained detector as ONNX with a manifest beside it.

    deconvid export runs/detector.pt engine/models/finder_v1

The graph takes `pictures` (N, 3, H, W) float32 RGB in -1..1, sides multiples of 32, and gives `at8`, `at16` and `at32`
as engine/detectors/fcos.py reads them.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from training.detection.network import STRIDES, DetectorNetwork
from training.onnx_graph import fuse_batch_norms, write_onnx


def write_manifest(path: Path, seen: int) -> None:
    """Writes the manifest beside an ONNX file, as engine/manifests.py reads it."""
    path.with_suffix(".toml").write_text(f"""name = "{path.stem}"
task = "detector"
kind = "fcos"
file = "{path.name}"
sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"
colour = "rgb"
mean = 127.5
std = 127.5
licence = "Apache-2.0"
source = "training/detection on FairFace (CC BY 4.0), {seen:,} scenes; labels: YuNet and MediaPipe (Apache-2.0)"
""")


def export(checkpoint: Mapping[str, Any], out: Path) -> None:
    """Writes ONNX and manifest; arguments as of training/export.py."""
    network = DetectorNetwork()
    network.load_state_dict(checkpoint["weights"])
    network.eval()
    fuse_batch_norms(network)
    outputs = [f"at{stride}" for stride in STRIDES]
    axes = {name: {0: "batch", 2: f"height_{name}", 3: f"width_{name}"} for name in ["pictures", *outputs]}
    path = out.with_suffix(".onnx")
    write_onnx(network, torch.zeros(1, 3, 64, 96), path, ["pictures"], outputs, axes)
    write_manifest(path, checkpoint["seen"])
