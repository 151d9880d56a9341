"""Trains the network that places landmarks.

    deconvid train training/recipes/landmarks_v1.toml

Labels are MediaPipe's (labels.py); faces are framed as roughly as a detector does, and degraded as a camera does
(views.py). A run that was killed goes on when the same command is given again.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.faces import LANDMARKS
from engine.landmarks import VIEW_TEMPLATE
from training.endless import Endless, batches
from training.faces import load_faces, split
from training.landmarks.network import LandmarkNetwork, place
from training.landmarks.views import View, ViewMaker
from training.recipe import Recipe
from training.run import Place, Run, run_command
from training.tensors import normalise, to_tensor

HELD_OUT_SEED, HELD_OUT_VIEWS = 7, 2048
CHUNK = 256
BETA_PX = 1.0
"""Errors beyond count by their size, smaller ones by their square."""
EYES_PX = float(VIEW_TEMPLATE[1, 0] - VIEW_TEMPLATE[0, 0])
UNKNOWN = np.full((LANDMARKS, 2), np.nan, np.float32)
NETWORKS = {"landmarks_v1": LandmarkNetwork}


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkRecipe(Recipe):
    NETWORKS: ClassVar[Collection[str]] = tuple(NETWORKS)

    face_weight: float = 0.5
    """Of telling faces from others, beside placing landmarks."""


class Batch(NamedTuple):
    images: Tensor
    """(N, 3, 64, 64) uint8 RGB."""
    landmarks: Tensor
    """(N, 5, 2), pixels; no numbers where they are unknown."""
    is_face: Tensor
    """(N,) bool."""

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(part.to(device, non_blocking=True) for part in self))


def collate(shown: Sequence[View]) -> Batch:
    return Batch(
        torch.stack([to_tensor(view.image) for view in shown]),
        torch.from_numpy(np.stack([UNKNOWN if view.landmarks is None else view.landmarks for view in shown])),
        torch.tensor([view.is_face for view in shown]),
    )


@torch.no_grad()
def validate(network: nn.Module, shown: Sequence[View]) -> dict[str, float]:
    """Returns the landmarks' mean error in percent of the eye distance, and how many faces and others are mistaken."""
    device, errors, missed, taken = next(network.parameters()).device, [], [], []
    for start in range(0, len(shown), CHUNK):
        batch = collate(shown[start : start + CHUNK]).to(device)
        placed = place(network(normalise(batch.images)))
        off = (placed.landmarks - batch.landmarks).norm(dim=-1).mean(1)
        errors.append(off[~off.isnan()])
        missed.append(placed.logits[batch.is_face] < 0)
        taken.append(placed.logits[~batch.is_face] >= 0)
    percent = [100 * torch.cat(parts).float().mean().item() for parts in (errors, missed, taken)]
    return {
        "landmark_error_percent": round(percent[0] / EYES_PX, 2),
        "faces_missed_percent": round(percent[1], 2),
        "others_taken_percent": round(percent[2], 2),
    }


class LandmarkTraining(Run[Batch]):
    """Arguments as of `Run`."""

    def __init__(self, recipe: LandmarkRecipe, place: Place) -> None:
        torch.manual_seed(recipe.seed)
        cv2.setNumThreads(1)  # the network has the cores
        super().__init__(recipe, NETWORKS[recipe.network](), place)
        learnt, held_out = split(len(load_faces()))
        self._views = Endless(ViewMaker(learnt), recipe.seed, self.seen)
        others = ViewMaker(held_out)
        self._held_out = [others.make(np.random.default_rng((HELD_OUT_SEED, i))) for i in range(HELD_OUT_VIEWS)]
        self._batch, self._face_weight = recipe.batch, recipe.face_weight

    def batches(self, first: int) -> Iterable[Batch]:
        return batches(self._views, self._batch, collate, self.workers, pinned=self.device.type == "cuda")

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        batch = batch.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            raw = self.network(normalise(batch.images))
        placed, known = place(raw), ~batch.landmarks.isnan()
        landmark = functional.smooth_l1_loss(placed.landmarks[known], batch.landmarks[known], beta=BETA_PX)
        face = functional.binary_cross_entropy_with_logits(placed.logits, batch.is_face.float())
        return landmark + self._face_weight * face, {"landmark": landmark, "face": face}

    def score(self, average: nn.Module) -> dict[str, float]:
        return validate(average, self._held_out)


if __name__ == "__main__":
    run_command(__doc__, LandmarkRecipe, LandmarkTraining)
