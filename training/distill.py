"""Distils the teachers into a network that sees degraded faces.

    python -m training.distill training/recipes/deconv_v0.toml

The student gets the crop as a camera might have delivered it, the teachers saw the clean one. Loss = cosine to
the target + contrast against targets of other faces + restoration of the clean crop (training/losses.py). A run that
was killed goes on when the same command is given again; `--start FILE` begins a new run from given weights.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from training.data import DegradedFaces
from training.degrade import DegradationRanges, degrade
from training.faces import load_faces, split
from training.losses import contrast_loss, restoration_loss
from training.networks import NETWORKS
from training.recipe import Recipe
from training.run import Run, run_command
from training.teachers import load_targets
from training.tensors import normalise, to_tensor

Batch = tuple[Tensor, Tensor, Tensor]
"""Degraded and clean crops, (N, 3, 112, 112) uint8 RGB, and the faces' indices, (N,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillRecipe(Recipe):
    NETWORKS: ClassVar[Collection[str]] = tuple(NETWORKS)

    temperature: float = 1 / 16
    negatives: int = 1024
    """Targets of other faces to tell each face from, besides the batch's own."""
    restoration_weight: float = 0.5
    clean_share: float = 0.25
    """Share of the crops that are misaligned only."""


@torch.no_grad()
def validate(network: nn.Module, targets: Tensor, indices: np.ndarray) -> dict[str, float]:
    """Mean cosine to the target on held-out faces, clean and degraded by a fixed seed."""
    faces, ranges, cosines = load_faces(), DegradationRanges(), {}
    device = next(network.parameters()).device
    for name in ("clean", "degraded"):
        rng, total = np.random.default_rng(7), 0.0
        for start in range(0, len(indices), 128):
            batch = indices[start : start + 128]
            seen = [faces[i] if name == "clean" else degrade(np.array(faces[i]), rng, ranges) for i in batch]
            embeddings, _ = network(normalise(torch.stack([to_tensor(s) for s in seen]).to(device)))
            total += float((embeddings.cpu() * targets[batch]).sum())
        cosines[name] = round(total / len(indices), 4)
    return cosines


class Distillation(Run[Batch]):
    """Arguments as of `Run`."""

    def __init__(self, recipe: DistillRecipe, out: Path, start: Path | None = None, device: str = "cpu") -> None:
        torch.manual_seed(recipe.seed)
        super().__init__(recipe, NETWORKS[recipe.network](), out, start, device)
        self._distil = recipe
        self._targets = torch.from_numpy(load_targets())
        self._training, self._held_out = split(len(self._targets))

    def batches(self, first: int) -> Iterator[Batch]:
        dataset = DegradedFaces(self._training, self._distil.seed, self._distil.clean_share, first)
        yield from DataLoader(dataset, self._distil.batch, num_workers=1, prefetch_factor=8)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        seen, clean, index = batch
        # By faces seen: another run from the same place draws the same negatives.
        rng = np.random.default_rng((self._distil.seed, self.seen))
        others = torch.from_numpy(rng.choice(self._training, self._distil.negatives))
        target, negatives = self._targets[index].to(self.device), self._targets[others].to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            embeddings, features = self.network(normalise(seen.to(self.device)))
            restored = None if self.network.restore is None else self.network.restore(features)  # type: ignore[operator]
        restoration = torch.zeros((), device=self.device)
        if restored is not None:
            restoration = restoration_loss(restored, normalise(clean.to(self.device)))
        cosine = (embeddings * target).sum(1).mean()
        contrast = contrast_loss(embeddings, target, negatives, self._distil.temperature)
        loss = 2 * (1 - cosine) + contrast + self._distil.restoration_weight * restoration
        return loss, {"cosine": cosine, "contrast": contrast, "restoration": restoration}

    def score(self, average: nn.Module) -> dict[str, float]:
        return validate(average, self._targets, self._held_out)


if __name__ == "__main__":
    run_command(__doc__, DistillRecipe, Distillation)
