"""Trains the face detector on composed scenes.

    python -m training.detection.follow runs/begun.pt
    deconvid train training/recipes/finder_v1.toml --start runs/begun.pt

It begins where its teacher is (follow.py). A run that was killed goes on when the same command is given again.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from torch.optim import swa_utils

from training.detection.losses import Faces, assign, detection_losses
from training.detection.network import STRIDES, DetectorNetwork, decode, scaled
from training.detection.scenes import Scene, SceneMaker
from training.detection.yunet import load_yunet
from training.endless import Endless, batches
from training.losses import feature_loss
from training.recipe import Recipe
from training.run import Place, Run, run_command
from training.tensors import to_tensor

HELD_OUT_SEED, HELD_OUT_SCENES = 7, 128
SETTLING_SEED, SETTLING_SCENES = 8, 256
ENLARGED_EVERY = 4
"""Of so many batches one is a quarter as large and twice as close: faces of up to 576 px cost no more than others."""
BOX_WEIGHT = 2.0
"""Beside the score's."""
CHUNK = 16
"""Scenes that are looked at together when the network is scored."""
NETWORKS = {"finder_v1": DetectorNetwork}


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRecipe(Recipe):
    NETWORKS: ClassVar[Collection[str]] = tuple(NETWORKS)

    side: int = 320
    """Of the scenes, pixels."""
    landmark_weight: float = 4.0
    """Of the landmarks' loss beside the box's."""
    layers_weight: float = 0.3
    """Of giving what YuNet's layers give."""


class Batch(NamedTuple):
    images: Tensor
    """(N, 3, S, S) uint8 RGB."""
    faces: Faces

    def to(self, device: torch.device) -> "Batch":
        faces = Faces(*(part.to(device, non_blocking=True) for part in self.faces))
        return Batch(self.images.to(device, non_blocking=True), faces)

    def enlarged(self) -> "Batch":
        """Returns the first quarter of the scenes, twice as large."""
        count = -(-len(self.images) // 4)
        images = functional.interpolate(self.images[:count].float(), scale_factor=2.0, mode="bilinear")
        boxes, landmarks, sure = (part[:count] for part in self.faces)
        return Batch(images.round().byte(), Faces(2 * boxes, 2 * landmarks, sure))


def collate(scenes: Sequence[Scene]) -> Batch:
    faces = Faces(
        _pad([scene.faces.boxes for scene in scenes]),
        _pad([scene.faces.landmarks for scene in scenes]),
        _pad([scene.faces.sure for scene in scenes]),
    )
    return Batch(torch.stack([to_tensor(scene.image) for scene in scenes]), faces)


def _pad(parts: Sequence[np.ndarray]) -> Tensor:
    """Returns (N, F, ...), F one more than the most faces of a scene: never none."""
    padded = pad_sequence([torch.from_numpy(part) for part in parts], batch_first=True)
    return torch.cat([padded, padded.new_zeros(len(parts), 1, *padded.shape[2:])], 1)


@torch.no_grad()
def validate(network: nn.Module, scenes: Sequence[Scene]) -> dict[str, float]:
    """Returns the mean losses over the scenes, and the landmarks' error in percent of the eye distance."""
    device, losses, errors = next(network.parameters()).device, [], []
    for start in range(0, len(scenes), CHUNK):
        batch = collate(scenes[start : start + CHUNK]).to(device)
        found, wanted = decode(network(scaled(batch.images))), assign(batch.faces, *batch.images.shape[2:])
        losses.append(torch.stack(detection_losses(found, wanted)))
        points = wanted.landmarks[wanted.face]
        off = (found.landmarks[wanted.face] - points).norm(dim=-1).mean(1)
        errors.append(100 * off / (points[:, 0] - points[:, 1]).norm(dim=-1).clamp(1))
    score, box, landmark = torch.stack(losses).mean(0).tolist()
    return {
        "score": round(score, 4),
        "box": round(box, 4),
        "landmark": round(landmark, 4),
        "landmark_error_percent": round(torch.cat(errors).median().item(), 2),
    }


def settle(network: nn.Module, scenes: Sequence[Scene]) -> None:
    """Measures the batch norms' statistics anew: averaged weights do not go with the average of the statistics."""
    device = next(network.parameters()).device
    batches = (collate(scenes[start : start + CHUNK]).images for start in range(0, len(scenes), CHUNK))
    swa_utils.update_bn((scaled(images.to(device)) for images in batches), network)


class DetectorTraining(Run[Batch]):
    """Arguments as of `Run`."""

    def __init__(self, recipe: DetectorRecipe, place: Place) -> None:
        torch.manual_seed(recipe.seed)
        cv2.setNumThreads(1)  # the network has the cores
        super().__init__(recipe, NETWORKS[recipe.network](), place)
        maker = SceneMaker(recipe.side)
        self._scenes = Endless(maker, recipe.seed, self.seen)
        self._held_out, self._settling = (
            [maker.make(np.random.default_rng((seed, number))) for number in range(count)]
            for seed, count in ((HELD_OUT_SEED, HELD_OUT_SCENES), (SETTLING_SEED, SETTLING_SCENES))
        )
        self._batch, self._finder = recipe.batch, recipe
        self._yunet = load_yunet(self.device)

    def batches(self, first: int) -> Iterable[Batch]:
        return batches(self._scenes, self._batch, collate, self.workers, pinned=self.device.type == "cuda")

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        batch = batch.to(self.device)
        if self.seen // self._batch % ENLARGED_EVERY == 0:
            batch = batch.enlarged()
        known = self._yunet(batch.images)
        network: Any = self.network
        with torch.autocast(self.device.type, torch.bfloat16):
            features = network.features(scaled(batch.images))
        losses = detection_losses(decode(features[-len(STRIDES) :]), assign(batch.faces, *batch.images.shape[2:]))
        layers = torch.stack([feature_loss(*pair) for pair in zip(features, known, strict=True)]).mean()
        figures = {"score": losses.score, "box": losses.box, "landmark": losses.landmark, "layers": layers}
        total = losses.score + BOX_WEIGHT * losses.box + self._finder.landmark_weight * losses.landmark
        return total + self._finder.layers_weight * layers, figures

    def score(self, average: nn.Module) -> dict[str, float]:
        settle(average, self._settling)
        return validate(average, self._held_out)


if __name__ == "__main__":
    run_command(__doc__, DetectorRecipe, DetectorTraining)
