"""Faces as the student sees them: degraded as a camera might, beside the clean ones."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from training.degrade import DegradationRanges, degrade, misalign, see_from_afar
from training.faces import load_faces
from training.tensors import to_tensor


class DegradedFaces(Dataset):
    """Endless pairs of (degraded, clean) crops, both (3, 112, 112) uint8 RGB."""

    def __init__(
        self,
        indices: np.ndarray,
        seed: int,
        clean_share: Callable[[int], float],
        blend_share: float,
        far_share: float = 0.0,
        first_draw: int = 0,
    ) -> None:
        """
        Args:
            indices: of the faces to draw from.
            clean_share: of the crops that are misaligned only, by the number of the draw.
            blend_share: of the faces that are two, blended.
            far_share: of the other crops that are small, and nothing else.
            first_draw: where to go on.
        """
        self.faces, self.indices, self.ranges = load_faces(), indices, DegradationRanges()
        self.seed, self.first_draw = seed, first_draw
        self.clean_share, self.blend_share, self.far_share = clean_share, blend_share, far_share

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, draw: int) -> tuple[Tensor, Tensor]:
        number = self.first_draw + draw
        rng = np.random.default_rng((self.seed, number))
        face = self._one(rng)
        if rng.random() < self.blend_share:
            share = rng.uniform(0.25, 0.75)
            face = np.asarray(cv2.addWeighted(face, share, self._one(rng), 1 - share, 0), np.uint8)
        # The restored face is to lie where the crop has it, so misalignment belongs to both.
        if rng.random() < self.ranges.misalignment:
            face = misalign(face, rng, self.ranges)
        return to_tensor(self._seen(face, number, rng)), to_tensor(face)

    def _seen(self, face: NDArray[np.uint8], number: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        if rng.random() < self.clean_share(number):
            return face
        if self.far_share and rng.random() < self.far_share:
            return see_from_afar(face, rng)
        return degrade(face, rng, replace(self.ranges, misalignment=0))

    def _one(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        face = np.array(self.faces[self.indices[rng.integers(len(self.indices))]])
        return np.ascontiguousarray(face[:, ::-1]) if rng.random() < 0.5 else face
