"""Exports trained weights as ONNX with a manifest beside it.

    deconvid export runs/deconv_v2.pt engine/models/deconv_v2

Beside them lies NAME.probes.npy: the embeddings that PyTorch computed of engine/probes.py's crops, against which every
runtime is tested.

The graph takes `faces` (N, 3, 112, 112) float32 RGB in -1..1 and gives `embeddings` (N, D) float32, L2 norm 1; the
restoration head stays behind.
"""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.embedder import Embedder
from engine.manifests import ModelSpec
from engine.probes import probe_crops
from engine.runtimes import Execution
from training.evaluate import crops_as_shipped, held_out_strangers
from training.evaluation.lfw import read_pairs
from training.evaluation.robustness import at_distance
from training.evaluation.verification import verify
from training.fit_tails import write_tails
from training.networks import NETWORKS
from training.onnx_graph import fuse_batch_norms, write_onnx
from training.paths import with_ending
from training.tensors import normalise, to_tensor

TWO_THREADS = Execution(threads=2)
TEACHER = "MobileFaceNet (foamliu, Apache-2.0)"


class Exported(nn.Module):
    """The network without what only training needs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, faces: Tensor) -> Tensor:
        embeddings, _ = self.network(faces)
        return embeddings


def write_network(network: nn.Module, path: Path) -> int:
    """Writes the ONNX file of a network that is in eval mode; returns the embedding's dimension."""
    fuse_batch_norms(network)
    example = torch.zeros(2, 3, 112, 112)
    axes = {"faces": {0: "batch"}, "embeddings": {0: "batch"}}
    write_onnx(Exported(network), example, path, ["faces"], ["embeddings"], axes)
    with torch.no_grad():
        probes = Exported(network)(normalise(torch.stack([to_tensor(crop) for crop in probe_crops()])))
    np.save(path.with_suffix(".probes.npy"), probes.numpy())
    return int(probes.shape[1])


def write_manifest(base: Path, dimension: int, threshold: float, seen: int, accuracy: dict[str, float]) -> None:
    """Writes BASE.toml for BASE.onnx, as engine/manifests.py reads it."""
    path = with_ending(base, ".onnx")
    figures = "".join(f"{name} = {value}\n" for name, value in accuracy.items())
    with_ending(base, ".toml").write_text(f"""name = "{path.stem}"
task = "embedder"
kind = "embedder"
file = "{path.name}"
sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"
input_size = 112
colour = "rgb"
mean = 127.5
std = 127.5
dimension = {dimension}
# Cosine that 1 in 10,000 comparisons of two strangers of the same race and gender exceeds (held-out FairFace, clean
# gallery, degraded probe).
threshold = {threshold:.3f}
licence = "Apache-2.0"
source = "training/distill.py on FairFace (CC BY 4.0), {seen:,} degraded faces; teacher: {TEACHER}"

[accuracy]
{figures}""")


def draft(checkpoint: Mapping[str, Any], base: Path, how: Execution = TWO_THREADS) -> Embedder:
    """Writes ONNX, probes and a manifest without figures at BASE; returns the embedder.

    Args:
        checkpoint: as training/checkpoints.py reads it.
        base: path without ending.
        how: the embedder is executed.
    """
    network = NETWORKS[checkpoint["recipe"]["network"]]()
    network.load_state_dict(checkpoint["weights"])
    network.eval()
    dimension = write_network(network, with_ending(base, ".onnx"))
    write_manifest(base, dimension, 0.5, checkpoint["seen"], {})
    return Embedder.load(ModelSpec.read(with_ending(base, ".toml")), how)


def export(checkpoint: Mapping[str, Any], out: Path) -> None:
    """Writes ONNX, probes and manifest with its figures. Arguments: as of `draft`."""
    with TemporaryDirectory() as folder:
        # Nothing half-made ever lies where the daemon looks: everything moves when all is measured.
        base = Path(folder) / out.name
        embedder = draft(checkpoint, base)
        threshold, accuracy = measure(embedder)
        write_manifest(base, embedder.dimension, threshold, checkpoint["seen"], accuracy)
        write_tails(with_ending(base, ".toml"), embedder)
        for file in Path(folder).iterdir():
            shutil.move(file, out.parent / file.name)


def measure(embedder: Embedder) -> tuple[float, dict[str, float]]:
    """Returns the threshold for false matches of 1 in 10,000, and the figures on LFW that the manifest shows."""
    pairs = read_pairs()
    crops = crops_as_shipped(pairs.names).pixels
    first, second = pairs.indices.T
    gallery = embedder.embed(crops)
    distant = embedder.embed(np.stack([at_distance(crop, 16) for crop in crops]))
    clean = verify((gallery[first] * gallery[second]).sum(1), pairs.same)
    probe_16px = verify((gallery[first] * distant[second]).sum(1), pairs.same)
    return held_out_strangers(embedder.embed).threshold(1e-4), {
        "lfw_percent": clean.accuracy,
        "lfw_deviation_percent": clean.deviation,
        "lfw_tar_at_far_1e_3_percent": clean.tar_at_far_1e_3.value,
        "lfw_probe_16px_percent": probe_16px.accuracy,
    }
