"""Faces as the student sees them: degraded as a camera might, beside the clean ones."""

from dataclasses import replace

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from training.degrade import DegradationRanges, degrade, misalign
from training.faces import load_faces
from training.tensors import to_tensor


class DegradedFaces(Dataset):
    """Endless pairs of (degraded, clean) crops, both (3, 112, 112) uint8 RGB, with the face's index."""

    def __init__(self, indices: np.ndarray, seed: int, clean_share: float, first_draw: int = 0) -> None:
        """
        Args:
            indices: of the faces to draw from.
            clean_share: of the crops that are misaligned only.
            first_draw: where to go on.
        """
        self.faces, self.indices, self.ranges = load_faces(), indices, DegradationRanges()
        self.seed, self.clean_share, self.first_draw = seed, clean_share, first_draw

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, draw: int) -> tuple[Tensor, Tensor, int]:
        rng = np.random.default_rng((self.seed, self.first_draw + draw))
        index = int(self.indices[rng.integers(len(self.indices))])
        face = np.array(self.faces[index])
        if rng.random() < 0.5:
            face = np.ascontiguousarray(face[:, ::-1])
        # The restored face is to lie where the crop has it, so misalignment belongs to both.
        if rng.random() < self.ranges.misalignment:
            face = misalign(face, rng, self.ranges)
        clean = rng.random() < self.clean_share
        seen = face if clean else degrade(face, rng, replace(self.ranges, misalignment=0))
        return to_tensor(seen), to_tensor(face), index
