"""Trains the article's network, in both of its ways, on FairFace at 64x64.

    python -m training.seed mse --faces 20000              # draws the clean face's luma from a degraded one
    python -m training.seed cross-entropy --faces 20000    # tells FairFace's seven races x two genders apart

It shows where the project came from; what ships is distilled (`training/distill.py`).
"""

import argparse
import logging
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.degrade import degrade
from training.faces import load_faces, load_groups, split
from training.networks.seed import SeedNetwork
from training.paths import RUNS
from training.tensors import normalise, to_tensor

logger = logging.getLogger(__name__)

SIDE_PX = 64
LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
"""Weights of R, G and B (ITU-R BT.601)."""

Objective = Literal["mse", "cross-entropy"]


def luma_at(clean: Tensor, side_px: int) -> Tensor:
    """Returns (N, 1, side_px, side_px), what the network is to draw; clean is (N, 3, H, W) RGB in -1..1."""
    return functional.interpolate((clean * LUMA).sum(1, keepdim=True), side_px, mode="bilinear")


def pair(face: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Returns the degraded and the clean face, (3, 64, 64) uint8 RGB each."""
    small = cv2.resize(face, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return to_tensor(degrade(small, rng)), to_tensor(small)


def train(objective: Objective, faces_to_see: int, batch: int = 64, learning_rate: float = 1e-3) -> SeedNetwork:
    """Returns the network after Adam has seen so many faces; logs its loss."""
    faces, groups = load_faces(), load_groups()
    training, _ = split(len(faces))
    names, labels = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(1)
    torch.manual_seed(1)
    network = SeedNetwork(len(names) if objective == "cross-entropy" else None)
    optimiser = torch.optim.Adam(network.parameters(), learning_rate)
    for step in range(faces_to_see // batch):
        indices = rng.choice(training, batch)
        seen, clean = zip(*(pair(np.array(faces[i]), rng) for i in indices), strict=True)
        out = network(normalise(torch.stack(seen)))
        if objective == "mse":
            loss = functional.mse_loss(out, luma_at(normalise(torch.stack(clean)), out.shape[-1]))
        else:
            loss = functional.cross_entropy(out, torch.from_numpy(labels[indices]))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step % 20 == 0:
            logger.info("%s step %d faces %d loss %.4f", objective, step, step * batch, loss.item())
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objective", choices=["mse", "cross-entropy"])
    parser.add_argument("--faces", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=RUNS / "seed.pt")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    network: nn.Module = train(args.objective, args.faces)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), args.out)


if __name__ == "__main__":
    main()
