"""Exports the trained network as ONNX with a manifest beside it.

    deconvid export runs/landmarks_v1.pt engine/models/landmarks_v1

The graph takes `views` (N, 3, 64, 64) float32 RGB in -1..1 and gives `shifts` (N, 11) as engine/landmarks.py reads it.
Beside it lies NAME.recorded.npy: what PyTorch computed of engine/probes.py's crops.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.landmarks import VIEW_PX
from engine.probes import probe_crops
from training.landmarks.network import LandmarkNetwork
from training.onnx_graph import fuse_batch_norms, write_onnx
from training.paths import with_ending
from training.tensors import normalise, to_tensor


def export(checkpoint: Mapping[str, Any], out: Path) -> None:
    """Writes ONNX and manifest; arguments as of training/export.py."""
    network = LandmarkNetwork()
    network.load_state_dict(checkpoint["weights"])
    network.eval()
    fuse_batch_norms(network)
    path, axes = with_ending(out, ".onnx"), {"views": {0: "batch"}, "shifts": {0: "batch"}}
    write_onnx(network, torch.zeros(2, 3, VIEW_PX, VIEW_PX), path, ["views"], ["shifts"], axes)
    with torch.no_grad():
        shown = np.ascontiguousarray(probe_crops()[:, :VIEW_PX, :VIEW_PX])
        shifts = network(normalise(torch.stack([to_tensor(view) for view in shown])))
    np.save(path.with_suffix(".recorded.npy"), shifts.numpy())
    path.with_suffix(".toml").write_text(f"""name = "{path.stem}"
task = "landmarks"
kind = "landmarks"
file = "{path.name}"
sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"
input_size = {VIEW_PX}
colour = "rgb"
mean = 127.5
std = 127.5
licence = "Apache-2.0"
source = "training/landmarks on FairFace (CC BY 4.0), {checkpoint["seen"]:,} views; labels: MediaPipe (Apache-2.0)"
""")
