"""A small anchor-free face detector: boxes, scores and five landmarks at strides 8, 16 and 32.

Backbone and neck are YuNet's (Wu et al. 2023), so that training can compare features with YuNet's and give them to
every layer: separable convolutions, features of the coarser levels added to the finer ones (Lin et al. 2017,
arXiv:1612.03144). The heads are our own, one for each level, with a branch for the landmarks. Every place of a level
predicts at most one face.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.blocks import conv

STRIDES = (8, 16, 32)
LANDMARKS = 5
SCORE_AND_BOX = 1 + 4
OUTPUTS = SCORE_AND_BOX + 2 * LANDMARKS
STEM, WIDTH = 16, 64


class Level(NamedTuple):
    """Raw predictions of one level, per place; see `decode`."""

    logits: Tensor
    """(N, H, W)."""
    sides: Tensor
    """(N, H, W, 4): logarithms of the distances to left, top, right and bottom, in strides."""
    landmarks: Tensor
    """(N, H, W, 5, 2): offsets from the place's centre, in strides."""


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """Pointwise 1x1, depthwise 3x3, batch norm, ReLU: YuNet's order."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.Conv2d(outputs, outputs, 3, 1, 1, groups=outputs, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Head(nn.Module):
    """(N, WIDTH, H, W) to (N, OUTPUTS, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.points = separable(WIDTH, WIDTH), separable(WIDTH, WIDTH)
        self.predict, self.place = _prediction(SCORE_AND_BOX), _prediction(2 * LANDMARKS)
        # A face is rare: a first guess of one in a hundred keeps the loss of the many empty places small
        # (Lin et al. 2017, arXiv:1708.02002).
        bias: Any = self.predict[1].bias
        nn.init.constant_(bias[:1], -4.6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.shared(x)
        return torch.cat([self.predict(x), self.place(self.points(x))], 1)


class DetectorNetwork(nn.Module):
    """(N, 3, H, W) float RGB in -1..1, sides multiples of 32, to three levels, finest first."""

    def __init__(self) -> None:
        super().__init__()
        self.at2 = nn.ModuleList([conv(3, STEM, 3, 2), separable(STEM, STEM)])
        self.at4 = nn.ModuleList([separable(STEM, STEM), separable(STEM, WIDTH), *_separables(2)])
        self.at8, self.at16, self.at32 = _separables(2), _separables(2), _separables(2)
        self.neck = _separables(3)
        self.heads = nn.ModuleList([Head() for _ in STRIDES])

    def forward(self, x: Tensor) -> list[Tensor]:
        """Returns (N, OUTPUTS, H / stride, W / stride) of each stride: logit, sides, landmarks."""
        return self.predict_from(self.features(x))

    def features(self, x: Tensor, given: Sequence[Tensor] = ()) -> list[Tensor]:
        """Returns what every layer of backbone and neck gives, in order; `NECK` says which of them the heads see.

        Args:
            x: the pictures.
            given: as many features of another network: every layer sees these instead of its predecessor's.
        """
        found: list[Tensor] = []

        def run(layer: nn.Module, seen: Tensor) -> Tensor:
            found.append(layer(seen))
            return given[len(found) - 1] if given else found[-1]

        for layer in self.at2:
            x = run(layer, x)
        levels = []
        for stage in (self.at4, self.at8, self.at16, self.at32):
            x = functional.max_pool2d(x, 2)
            for layer in stage:
                x = run(layer, x)
            levels.append(x)
        x = run(self.neck[0], levels[3])
        x = run(self.neck[1], levels[2] + double(x))
        run(self.neck[2], levels[1] + double(x))
        return found

    def predict_from(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Args: features: of all layers, as `features` returns them."""
        return [head(features[layer]) for head, layer in zip(self.heads, NECK, strict=True)]


NECK = (-1, -2, -3)
"""Of the features, those of the levels at strides 8, 16 and 32."""


def _prediction(outputs: int) -> nn.Sequential:
    """As `separable`, linear."""
    return nn.Sequential(nn.Conv2d(WIDTH, outputs, 1, bias=False), nn.Conv2d(outputs, outputs, 3, 1, 1, groups=outputs))


def _separables(count: int) -> nn.ModuleList:
    return nn.ModuleList([separable(WIDTH, WIDTH) for _ in range(count)])


def double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def split(raw: Tensor) -> Level:
    """Takes a level's (N, OUTPUTS, H, W) apart."""
    places = raw.permute(0, 2, 3, 1).float()
    return Level(places[..., 0], places[..., 1:5], places[..., 5:].reshape(*places.shape[:3], LANDMARKS, 2))


def centres(height: int, width: int, stride: int) -> Tensor:
    """Returns (height, width, 2): x and y of each place's centre, pixels."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (torch.stack([columns, rows], -1) + 0.5) * stride
