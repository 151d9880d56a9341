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

from training.networks.blocks import linear

STRIDES = (8, 16, 32)
LANDMARKS = 5
SCORE_AND_BOX = 1 + 4
OUTPUTS = SCORE_AND_BOX + 2 * LANDMARKS
STEM, WIDTH = 16, 64
SIDE_LIMITS = (-4.0, 6.0)
"""Of the predicted logarithms."""


class Predictions(NamedTuple):
    """Of every place, the finest level's first, row by row."""

    logits: Tensor
    """(N, P)."""
    boxes: Tensor
    """(N, P, 4): x1 y1 x2 y2, pixels."""
    landmarks: Tensor
    """(N, P, 5, 2), pixels."""


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """Pointwise 1x1, depthwise 3x3, batch norm: YuNet's order. Its ReLU is left to who uses it.

    The bias between the convolutions is for the rim, where the second one sees zeros beside it.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1),
        nn.Conv2d(outputs, outputs, 3, 1, 1, groups=outputs, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Head(nn.Module):
    """(N, WIDTH, H, W), after ReLU, to (N, OUTPUTS, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.points = separable(WIDTH, WIDTH), separable(WIDTH, WIDTH)
        self.predict, self.place = _prediction(SCORE_AND_BOX), _prediction(2 * LANDMARKS)
        # A face is rare: a first guess of one in a hundred keeps the loss of the many empty places small
        # (Lin et al. 2017, arXiv:1708.02002).
        bias: Any = self.predict[1].bias
        nn.init.constant_(bias[:1], -4.6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.shared(x).relu()
        return torch.cat([self.predict(x), self.place(self.points(x).relu())], 1)


class DetectorNetwork(nn.Module):
    """(N, 3, H, W) float RGB in -1..1, sides multiples of 32, to three levels, finest first."""

    def __init__(self) -> None:
        super().__init__()
        self.at2 = nn.ModuleList([linear(3, STEM, 3, 2), separable(STEM, STEM)])
        self.at4 = nn.ModuleList([separable(STEM, STEM), separable(STEM, WIDTH), *_separables(2)])
        self.at8, self.at16, self.at32 = _separables(2), _separables(2), _separables(2)
        self.neck = _separables(3)
        self.heads = nn.ModuleList([Head() for _ in STRIDES])

    def forward(self, x: Tensor) -> list[Tensor]:
        """Returns (N, OUTPUTS, H / stride, W / stride) of each stride: logit, sides, landmarks."""
        return self.predict_from(self.features(x))

    def features(self, x: Tensor, given: Sequence[Tensor] = ()) -> list[Tensor]:
        """Returns what every layer of backbone and neck gives, in order, before its ReLU; `NECK` says what heads see.

        Before, because a channel that is silent behind it still has to learn when to be.

        Args:
            x: the pictures.
            given: as many features of another network: every layer sees these instead of its predecessor's.
        """
        found: list[Tensor] = []

        def run(layer: nn.Module, seen: Tensor) -> Tensor:
            found.append(layer(seen))
            return (given[len(found) - 1] if given else found[-1]).relu()

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

    def begin_like(self, given: Sequence[Tensor]) -> None:
        """Gives every layer's channels the mean and deviation of the features that it is to give; as in `features`."""
        stages = (self.at2, self.at4, self.at8, self.at16, self.at32, self.neck)
        layers = [layer for stage in stages for layer in stage]
        for layer, features in zip(layers, given, strict=True):
            deviation, mean = torch.std_mean(features, (0, 2, 3))
            norm: Any = list(layer.children())[-1]
            norm.weight.data.copy_(deviation)
            norm.bias.data.copy_(mean)

    def predict_from(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Args: features: of all layers, as `features` returns them."""
        return [head(features[layer].relu()) for head, layer in zip(self.heads, NECK, strict=True)]


NECK = (-1, -2, -3)
"""Of the features, those of the levels at strides 8, 16 and 32."""


def _prediction(outputs: int) -> nn.Sequential:
    """As `separable`, linear."""
    return nn.Sequential(nn.Conv2d(WIDTH, outputs, 1, bias=False), nn.Conv2d(outputs, outputs, 3, 1, 1, groups=outputs))


def _separables(count: int) -> nn.ModuleList:
    return nn.ModuleList([separable(WIDTH, WIDTH) for _ in range(count)])


def double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def decode(raw: Sequence[Tensor]) -> Predictions:
    """Reads what the network returns: logit; logarithms of the distances to left, top, right and bottom, in strides;
    offsets of the landmarks from the place's centre, in strides."""
    centres, strides = places(raw[0].shape[2] * STRIDES[0], raw[0].shape[3] * STRIDES[0], raw[0].device)
    values = torch.cat([level.permute(0, 2, 3, 1).flatten(1, 2) for level in raw], 1).float()
    sides = values[..., 1:5].clamp(*SIDE_LIMITS).exp() * strides[:, None]
    points = values[..., 5:].reshape(*values.shape[:2], LANDMARKS, 2) * strides[:, None, None]
    return Predictions(
        logits=values[..., 0],
        boxes=torch.cat([centres - sides[..., :2], centres + sides[..., 2:]], -1),
        landmarks=centres[:, None] + points,
    )


def places(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Returns (P, 2) x and y of the centres of a picture's places, pixels, and (P,) their strides."""
    centres, strides = [], []
    for stride in STRIDES:
        axes = [(torch.arange(side // stride, device=device) + 0.5) * stride for side in (height, width)]
        rows, columns = torch.meshgrid(*axes, indexing="ij")
        centres.append(torch.stack([columns, rows], -1).flatten(0, 1))
        strides.append(torch.full((len(centres[-1]),), float(stride), device=device))
    return torch.cat(centres), torch.cat(strides)
