"""Distils a teacher into a network that sees degraded faces.

    deconvid train training/recipes/trunk_v2.toml
    deconvid train training/recipes/deconv_v2.toml --start runs/trunk_v2.pt

The student gets the crop as a camera might have delivered it, the teacher sees the same crop clean (Beyer et al. 2022,
arXiv:2106.05237). Loss = cosine to the teacher's embedding + how it relates the face to other faces + its features
where they are mended + restoration of the clean crop (training/losses.py).

What is easy comes first: at the beginning every stage is given the teacher's features instead of its predecessor's, so
that all learn at once; then crops are clean, and fewer and fewer of them. Or stages are held as they are, and the
path learns to give the features of the clean crop: whatever is mended then, the path mends.

A run that was killed goes on when the same command is given again; `--start FILE` begins a new run from given weights,
where their run stood.
"""

import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from training.data import DegradedFaces
from training.degrade import DegradationRanges, degrade
from training.faces import load_faces, split
from training.losses import feature_loss, relation_loss, restoration_loss
from training.networks import NETWORKS
from training.networks.embedder import MENDED
from training.recipe import Recipe, TrainingError
from training.run import Place, Run, run_command
from training.teachers import STAGES, load_features, load_prototypes, load_teacher
from training.tensors import normalise, to_tensor

Batch = tuple[Tensor, Tensor]
"""Degraded and clean crops, (N, 3, 112, 112) uint8 RGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillRecipe(Recipe):
    NETWORKS: ClassVar[Collection[str]] = tuple(NETWORKS)

    embedding_weight: float = 1.0
    """Of the teacher's embedding and its relations; 0: what is behind the mended features is not run, nor trained, and
    they are all that is asked for."""
    temperature: float = 1 / 16
    relations: int = 16_384
    """Other faces to which each face is related, drawn anew for each batch."""
    stages_weight: float = 0.5
    """Of resembling the teacher's features: those of all stages while they are given, later those that are mended."""
    restoration_weight: float = 0.25
    blend_share: float = 0.3
    """Share of the faces that are two, blended: the teacher has an opinion of whoever that is."""
    given_faces: int = 0
    """First faces, for which every stage is given the teacher's features, and nothing mends any."""
    held_stages: int = 0
    """First stages that stay as they are. Those in front of the path are 5, all are 15."""
    clean_faces: int = 300_000
    """Over so many faces the share of clean crops falls from all of them to `clean_share`."""
    clean_share: float = 0.35
    """Of the crops that are misaligned only."""
    far_share: float = 0.0
    """Of the others that are small, and nothing else."""

    def clean_share_at(self, seen: int) -> float:
        if seen < self.given_faces:
            return 1.0
        return 1 - (1 - self.clean_share) * min(1.0, seen / max(1, self.clean_faces))


@torch.no_grad()
def validate(network: nn.Module, prototypes: Tensor, indices: np.ndarray) -> dict[str, float]:
    """Mean cosine to the teacher's embedding on held-out faces, clean and degraded by a fixed seed."""
    faces, ranges, cosines = load_faces(), DegradationRanges(), {}
    device = next(network.parameters()).device
    for name in ("clean", "degraded"):
        rng, total = np.random.default_rng(7), 0.0
        for start in range(0, len(indices), 128):
            batch = indices[start : start + 128]
            seen = [faces[i] if name == "clean" else degrade(np.array(faces[i]), rng, ranges) for i in batch]
            embeddings, _ = network(normalise(torch.stack([to_tensor(s) for s in seen]).to(device)))
            total += float((embeddings.cpu() * prototypes[batch]).sum())
        cosines[name] = round(total / len(indices), 4)
    return cosines


def with_features_given(network: nn.Module, faces: Tensor, given: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """As the network's forward, but every stage but the first gets `given`, features after the stages."""
    stages: Any = network.stages
    features = [stage(x) for stage, x in zip(stages, [faces, *given[:-1]], strict=True)]
    embed: Any = network.embed
    return embed(given[-1]), features


def hold(modules: nn.Module) -> None:
    """Lets modules stay as they are; batch norms would learn without a gradient, too."""
    modules.requires_grad_(False).eval()


class Distillation(Run[Batch]):
    """Arguments as of `Run`."""

    def __init__(self, recipe: DistillRecipe, place: Place) -> None:
        if recipe.held_stages and place.start is None:
            raise TrainingError("held_stages: would hold stages that have learnt nothing. Name weights with --start")
        torch.manual_seed(recipe.seed)
        cv2.setNumThreads(1)  # the network and other workers have the cores
        super().__init__(recipe, NETWORKS[recipe.network](), place)
        if not recipe.embedding_weight and self.network.path is None:
            raise TrainingError(f"embedding_weight is 0: {recipe.network} has no path that mends features")
        self._distil = recipe
        stages: Any = self.network.stages
        hold(stages[: recipe.held_stages])
        self._teach_all = load_teacher(self.device, STAGES)
        self._teach_mended = load_teacher(self.device, STAGES[MENDED : MENDED + 1])
        self._features = load_features(self.device, STAGES[MENDED])
        prototypes = torch.from_numpy(load_prototypes(self._teach_mended))
        self._training, self._held_out = split(len(prototypes))
        self._prototypes = prototypes.to(self.device)
        self._forward: Callable[[Tensor], tuple[Tensor, Tensor]] = self.network
        self._mend: Callable[[Tensor], Tensor] = self.network.mend  # type: ignore[assignment]
        if self.device.type == "cuda" or shutil.which("g++"):
            # Fused batch norms: half as many faces a second more on a CPU. It takes a compiler.
            self._forward, self._mend = torch.compile(self.network), torch.compile(self._mend)

    def batches(self, first: int) -> Iterator[Batch]:
        recipe = self._distil
        shares = recipe.clean_share_at, recipe.blend_share, recipe.far_share
        dataset = DegradedFaces(self._training, recipe.seed, *shares, first)
        pinned = self.device.type == "cuda"
        yield from DataLoader(dataset, recipe.batch, num_workers=self.workers, prefetch_factor=8, pin_memory=pinned)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        seen, clean = (crops.to(self.device, non_blocking=True) for crops in batch)
        if self._distil.embedding_weight:
            return self._loss_of_all(seen, clean)
        return self._loss_of_features(seen, clean)

    def _loss_of_features(self, seen: Tensor, clean: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(self.device.type, torch.bfloat16):
            mended = self._mend(normalise(seen))
        missed = feature_loss(mended, self._features(clean))
        return missed, {"stages": missed}

    def _loss_of_all(self, seen: Tensor, clean: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        given = self.seen < self._distil.given_faces
        features, known = (self._teach_all if given else self._teach_mended)(clean)
        restored = None
        with torch.autocast(self.device.type, torch.bfloat16):
            if given:
                embeddings, own = with_features_given(self.network, normalise(seen), features)
            else:
                embeddings, mended = self._forward(normalise(seen))
                own = [mended]
                if self.network.restore is not None:
                    restored = self.network.restore(mended)  # type: ignore[operator]
        restoration = torch.zeros((), device=self.device)
        if restored is not None:
            restoration = restoration_loss(restored, normalise(clean))
        cosine = (embeddings * known).sum(1).mean()
        relation = relation_loss(embeddings, known, self._others(), self._distil.temperature)
        stages = torch.stack([feature_loss(*pair) for pair in zip(own, features, strict=True)]).mean()
        loss = self._distil.embedding_weight * (2 * (1 - cosine) + relation)
        loss = loss + self._distil.stages_weight * stages + self._distil.restoration_weight * restoration
        return loss, {"cosine": cosine, "relation": relation, "stages": stages, "restoration": restoration}

    def _others(self) -> Tensor:
        # By faces seen: another run from the same place draws the same ones.
        rng = np.random.default_rng((self._distil.seed, self.seen))
        return self._prototypes[torch.from_numpy(rng.choice(self._training, self._distil.relations))]

    def score(self, average: nn.Module) -> dict[str, float]:
        return validate(average, self._prototypes.cpu(), self._held_out)


if __name__ == "__main__":
    run_command(__doc__, DistillRecipe, Distillation)
