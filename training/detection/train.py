"""Trains the face detector on composed scenes.

    deconvid train training/recipes/finder_v1.toml

At first every layer is given YuNet's features instead of its predecessor's, and is to give what YuNet's gives: so all
learn at once, the head from its own labels. A run that was killed goes on when the same command is given again;
`--start FILE` begins a new run from given weights, where their run stood.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import swa_utils
from torch.utils.data import DataLoader, Dataset

from training.detection.losses import assign, decode_landmarks, detection_losses
from training.detection.network import STRIDES, DetectorNetwork, split
from training.detection.scenes import Scene, SceneMaker
from training.detection.yunet import load_yunet
from training.losses import feature_loss
from training.recipe import Recipe
from training.run import Place, Run, run_command
from training.tensors import normalise, to_tensor

SIDE = 320
SETTLE_BATCHES = 32
HELD_OUT_SEED = 7
HELD_OUT_SCENES = 128
NETWORKS = {"finder_v1": DetectorNetwork}


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRecipe(Recipe):
    NETWORKS: ClassVar[Collection[str]] = tuple(NETWORKS)

    given_scenes: int = 40_000
    """First scenes, of which every layer is given YuNet's features."""
    layers_weight: float = 5.0
    """Of resembling them, while they are given."""


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

    def __init__(self, recipe: DetectorRecipe, place: Place) -> None:
        torch.manual_seed(recipe.seed)
        cv2.setNumThreads(1)  # the network has the cores
        super().__init__(recipe, NETWORKS[recipe.network](), place)
        self._scenes = Scenes(recipe.seed, self.seen)
        rngs = (np.random.default_rng((HELD_OUT_SEED, number)) for number in range(HELD_OUT_SCENES))
        self._held_out = [self._scenes.maker.make(rng) for rng in rngs]
        self._batch, self._finder = recipe.batch, recipe
        self._yunet = load_yunet(self.device)

    def batches(self, first: int) -> Iterator[Batch]:
        yield from DataLoader(
            self._scenes, self._batch, num_workers=self.workers, prefetch_factor=8, collate_fn=collate
        )

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        images = batch.images.to(self.device)
        given = self._yunet(images) if self.seen < self._finder.given_scenes else []
        network: Any = self.network
        with torch.autocast(self.device.type, torch.bfloat16):
            features = network.features(normalise(images), given)
            raw = network.predict_from(given or features)
        levels = [split(level.cpu()) for level in raw]
        losses = detection_losses(levels, assign(batch.boxes, batch.landmarks, batch.sure, SIDE))
        missed = (
            [feature_loss(*pair).cpu() for pair in zip(features, given, strict=True)] if given else [torch.zeros(())]
        )
        layers = torch.stack(missed).mean()
        total = losses.total + self._finder.layers_weight * layers
        return total, {"score": losses.score, "box": losses.box, "landmark": losses.landmark, "layers": layers}

    def score(self, average: nn.Module) -> dict[str, float]:
        settle(average, self._scenes)
        return validate(average, self._held_out)


if __name__ == "__main__":
    run_command(__doc__, DetectorRecipe, DetectorTraining)
