"""Faces as the student sees them: degraded as a camera might, beside the clean ones."""

from dataclasses import replace

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from training.degrade import DegradationRanges, degrade, misalign
from training.faces import load_faces
from training.recipe import Recipe
from training.tensors import to_tensor


class DegradedFaces(Dataset):
    """Endless pairs of (degraded, clean) crops, both (3, 112, 112) uint8 RGB, with the face's index."""

    def __init__(self, indices: np.ndarray, recipe: Recipe, first_draw: int = 0) -> None:
        self.faces, self.indices, self.recipe, self.first_draw = load_faces(), indices, recipe, first_draw
        self.ranges = DegradationRanges()

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, draw: int) -> tuple[Tensor, Tensor, int]:
        rng = np.random.default_rng((self.recipe.seed, self.first_draw + draw))
        index = int(self.indices[rng.integers(len(self.indices))])
        face = np.array(self.faces[index])
        if rng.random() < 0.5:
            face = np.ascontiguousarray(face[:, ::-1])
        # The restored face is to lie where the crop has it, so misalignment belongs to both.
        if rng.random() < self.ranges.misalignment:
            face = misalign(face, rng, self.ranges)
        clean = rng.random() < self.recipe.clean_share
        seen = face if clean else degrade(face, rng, replace(self.ranges, misalignment=0))
        return to_tensor(seen), to_tensor(face), index
