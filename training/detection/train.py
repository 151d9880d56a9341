"""Trains the face detector on composed scenes.

    deconvid train training/recipes/finder_v0.toml

At first it follows YuNet: its features are to be YuNet's, and its head is even given them, so that backbone and head
learn at once. The labels are its own from the first scene on. A run that was killed goes on when the same command is
given again; `--start FILE` begins a new run from given weights, where their run stood.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import swa_utils
from torch.utils.data import DataLoader, Dataset

from training.detection.losses import assign, decode_landmarks, detection_losses
from training.detection.neck import load_neck
from training.detection.network import STRIDES, DetectorNetwork, split
from training.detection.scenes import Scene, SceneMaker
from training.losses import feature_loss
from training.recipe import Recipe
from training.run import Run, run_command
from training.tensors import normalise, to_tensor

SIDE = 320
SETTLE_BATCHES = 32
HELD_OUT_SEED = 7
HELD_OUT_SCENES = 128
NETWORKS = {"finder_v0": DetectorNetwork}


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRecipe(Recipe):
    NETWORKS: ClassVar[Collection[str]] = tuple(NETWORKS)

    given_scenes: int = 20_000
    """First scenes, of which the head is given YuNet's features."""
    followed_scenes: int = 400_000
    """Over so many scenes the weight of resembling YuNet's features falls to nothing."""
    neck_weight: float = 2.0
    """Of resembling them, at first."""

    def neck_weight_at(self, seen: int) -> float:
        return self.neck_weight * max(0.0, 1 - seen / max(1, self.followed_scenes))


class Scenes(Dataset):
    """Endless composed scenes."""

    def __init__(self, seed: int, first_draw: int) -> None:
        self.maker, self.seed, self.first_draw = SceneMaker(SIDE), seed, first_draw

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, draw: int) -> Scene:
        return self.maker.make(np.random.default_rng((self.seed, self.first_draw + draw)))


@dataclass(frozen=True, slots=True)
class Batch:
    images: Tensor
    """(N, 3, S, S) uint8 RGB."""
    boxes: list[Tensor]
    landmarks: list[Tensor]
    sure: list[Tensor]


def collate(scenes: Sequence[Scene]) -> Batch:
    return Batch(
        torch.stack([to_tensor(scene.image) for scene in scenes]),
        [torch.from_numpy(scene.boxes) for scene in scenes],
        [torch.from_numpy(scene.landmarks) for scene in scenes],
        [torch.from_numpy(scene.sure) for scene in scenes],
    )


@torch.no_grad()
def validate(network: nn.Module, scenes: Sequence[Scene]) -> dict[str, float]:
    """Returns the mean losses over the scenes, and the landmarks' error in percent of the eye distance."""
    totals, errors = np.zeros(3), []
    for start in range(0, len(scenes), 16):
        batch = collate(scenes[start : start + 16])
        levels = [split(raw) for raw in network(normalise(batch.images))]
        targets = assign(batch.boxes, batch.landmarks, batch.sure, SIDE)
        losses = detection_losses(levels, targets)
        totals += [losses.score.item(), losses.box.item(), losses.landmark.item()]
        for level, target, stride in zip(levels, targets, STRIDES, strict=True):
            wanted = target.landmarks[target.face]
            off = (decode_landmarks(level, stride)[target.face] - wanted).norm(dim=-1).mean(1)
            eyes = (wanted[:, 0] - wanted[:, 1]).norm(dim=-1).clamp(1)
            errors.append(100 * off / eyes)
    score, box, landmark = totals / np.ceil(len(scenes) / 16)
    return {
        "score": round(float(score), 4),
        "box": round(float(box), 4),
        "landmark": round(float(landmark), 4),
        "landmark_error_percent": round(float(torch.cat(errors).median()), 2),
    }


@torch.no_grad()
def settle(network: nn.Module, scenes: Scenes) -> None:
    """Measures the batch norms' statistics anew: averaged weights do not go with the average of the statistics."""
    batches = (range(first, first + 16) for first in range(0, 16 * SETTLE_BATCHES, 16))
    swa_utils.update_bn((normalise(collate([scenes[draw] for draw in batch]).images) for batch in batches), network)


class DetectorTraining(Run[Batch]):
    """Arguments as of `Run`."""

    def __init__(self, recipe: DetectorRecipe, out: Path, start: Path | None = None, device: str = "cpu") -> None:
        torch.manual_seed(recipe.seed)
        cv2.setNumThreads(1)  # the network has the cores
        super().__init__(recipe, NETWORKS[recipe.network](), out, start, device)
        self._scenes = Scenes(recipe.seed, self.seen)
        rngs = (np.random.default_rng((HELD_OUT_SEED, number)) for number in range(HELD_OUT_SCENES))
        self._held_out = [self._scenes.maker.make(rng) for rng in rngs]
        self._batch, self._finder = recipe.batch, recipe
        self._neck = load_neck(self.device)

    def batches(self, first: int) -> Iterator[Batch]:
        yield from DataLoader(self._scenes, self._batch, num_workers=1, prefetch_factor=8, collate_fn=collate)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        images, weight = batch.images.to(self.device), self._finder.neck_weight_at(self.seen)
        resemblance = torch.zeros(())
        network: Any = self.network
        with torch.autocast(self.device.type, torch.bfloat16):
            features = network.features(normalise(images))
            given = self._neck(images) if weight else []
            raw = network.predict_from(given if self.seen < self._finder.given_scenes else features)
        levels = [split(level.cpu()) for level in raw]
        losses = detection_losses(levels, assign(batch.boxes, batch.landmarks, batch.sure, SIDE))
        if given:
            missed = [feature_loss(*pair) for pair in zip(features, given, strict=True)]
            resemblance = torch.stack(missed).mean().cpu()
        total = losses.total + weight * resemblance
        return total, {"score": losses.score, "box": losses.box, "landmark": losses.landmark, "neck": resemblance}

    def score(self, average: nn.Module) -> dict[str, float]:
        settle(average, self._scenes)
        return validate(average, self._held_out)


if __name__ == "__main__":
    run_command(__doc__, DetectorRecipe, DetectorTraining)
