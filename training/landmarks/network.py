"""A small network that corrects five landmarks: it sees the face as rough ones frame it (engine/landmarks.py)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from engine.faces import LANDMARKS
from engine.landmarks import OUTPUTS, SPREAD_PX, VIEW_TEMPLATE
from training.networks.blocks import Bottleneck, conv


class Placed(NamedTuple):
    landmarks: Tensor
    """(N, 5, 2), pixels of the view."""
    logits: Tensor
    """(N,), of a face being there."""


class LandmarkNetwork(nn.Module):
    """(N, 3, 64, 64) float RGB in -1..1 to `Placed`.

    Inverted residuals (Sandler et al. 2018, arXiv:1801.04381); what is where decides, so nothing is pooled at the end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(3, 16, 3, 2),
            Bottleneck(16, 48, 24, 2),
            Bottleneck(24, 72, 24),
            Bottleneck(24, 96, 48, 2),
            *(Bottleneck(48, 144, 48) for _ in range(2)),
            Bottleneck(48, 192, 96, 2),
            *(Bottleneck(96, 288, 96) for _ in range(2)),
            conv(96, 128, 1),
        )
        self.read = nn.Linear(128 * 4 * 4, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (N, 11): how far each landmark is from the template's, x y, in `SPREAD_PX`, and the logit."""
        y: Tensor = self.read(self.body(x).flatten(1))
        return y


def place(raw: Tensor) -> Placed:
    """Reads what the network returns, (N, 11)."""
    shifts = raw[:, :-1].float().reshape(-1, LANDMARKS, 2) * SPREAD_PX
    return Placed(shifts + torch.from_numpy(VIEW_TEMPLATE).to(raw.device), raw[:, -1].float())
