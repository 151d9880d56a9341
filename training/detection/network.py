"""A small anchor-free face detector: boxes, scores and five landmarks at strides 8, 16 and 32.

The layers are YuNet's (Wu et al. 2023), so that training can compare features with YuNet's and give them to every
layer: separable convolutions, features of the coarser levels added to the finer ones (Lin et al. 2017,
arXiv:1612.03144), a head for each level. Every place of a level predicts at most one face.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.blocks import linear

STRIDES = (8, 16, 32)
LANDMARKS = 5
SCORES, BOX = 2, 4
OUTPUTS = SCORES + BOX + 2 * LANDMARKS
STEM, WIDTH = 16, 64
SIZE_LIMITS = (-4.0, 6.0)
"""Of the predicted logarithms."""


class Predictions(NamedTuple):
    """Of every place, the finest level's first, row by row."""

    log_scores: Tensor
    """(N, P), logarithms."""
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
        self.shared = separable(WIDTH, WIDTH)
        self.predict = nn.Sequential(nn.Conv2d(WIDTH, OUTPUTS, 1), nn.Conv2d(OUTPUTS, OUTPUTS, 3, 1, 1, groups=OUTPUTS))
        # A face is rare: a first guess of one in a hundred keeps the loss of the many empty places small
        # (Lin et al. 2017, arXiv:1708.02002).
        bias: Any = self.predict[1].bias
        nn.init.constant_(bias[:SCORES], -4.6)


class DetectorNetwork(nn.Module):
    """(N, 3, H, W) float RGB in 0..1, sides multiples of 32, to three levels, finest first.

    Zero is black, so that what convolutions add around a picture is what the product pads it with.
    """

    def __init__(self) -> None:
        super().__init__()
        self.at2 = nn.ModuleList([linear(3, STEM, 3, 2), separable(STEM, STEM)])
        self.at4 = nn.ModuleList([separable(STEM, STEM), separable(STEM, WIDTH), *_separables(2)])
        self.at8, self.at16, self.at32 = _separables(2), _separables(2), _separables(2)
        self.neck = _separables(3)
        self.heads = nn.ModuleList([Head() for _ in STRIDES])

    def forward(self, x: Tensor) -> list[Tensor]:
        """Returns (N, OUTPUTS, H / stride, W / stride) of each stride; `decode` reads it."""
        return self.features(x)[-len(STRIDES) :]

    def features(self, x: Tensor, given: Sequence[Tensor] = ()) -> list[Tensor]:
        """Returns what every layer gives, in order, before its ReLU: backbone, neck, and the heads of each level.

        Before, because a channel that is silent behind it still has to learn when to be. The last three are what it
        predicts.

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
        coarse = run(self.neck[0], levels[3])
        middle = run(self.neck[1], levels[2] + double(coarse))
        fine = run(self.neck[2], levels[1] + double(middle))
        heads: Any = self.heads
        shared = [run(head.shared, x) for head, x in zip(heads, (fine, middle, coarse), strict=True)]
        found += [head.predict(x) for head, x in zip(heads, shared, strict=True)]
        return found

    def layers(self) -> list[nn.Module]:
        """Returns the layers in the order of `features`."""
        stages = (self.at2, self.at4, self.at8, self.at16, self.at32, self.neck)
        every: Any = self.heads
        heads = [head.shared for head in every], [head.predict for head in every]
        return [layer for stage in (*stages, *heads) for layer in stage]


def _separables(count: int) -> nn.ModuleList:
    return nn.ModuleList([separable(WIDTH, WIDTH) for _ in range(count)])


def scaled(images: Tensor) -> Tensor:
    """uint8 0..255 to float 0..1, channels last."""
    return (images.float() / 255).contiguous(memory_format=torch.channels_last)


def double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def decode(raw: Sequence[Tensor]) -> Predictions:
    """Reads what the network returns: two logits, of a face and of one whose box is right (the score is the geometric
    mean of both); the box's centre from the place and the logarithm of its sides; landmarks from the place; all in
    strides."""
    corners, strides = places(raw[0].shape[2] * STRIDES[0], raw[0].shape[3] * STRIDES[0], raw[0].device)
    values = torch.cat([level.permute(0, 2, 3, 1).flatten(1, 2) for level in raw], 1).float()
    scores, shifts, sizes, points = torch.split(values, [SCORES, 2, 2, 2 * LANDMARKS], -1)
    middles = corners + shifts * strides[:, None]
    halves = sizes.clamp(*SIZE_LIMITS).exp() * strides[:, None] / 2
    points = points.reshape(*points.shape[:2], LANDMARKS, 2) * strides[:, None, None]
    return Predictions(
        log_scores=functional.logsigmoid(scores).mean(-1),
        boxes=torch.cat([middles - halves, middles + halves], -1),
        landmarks=corners[:, None] + points,
    )


def places(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Returns (P, 2) x and y of a picture's places, pixels, and (P,) their strides."""
    centres, strides = [], []
    for stride in STRIDES:
        axes = [torch.arange(side // stride, device=device) * stride for side in (height, width)]
        rows, columns = torch.meshgrid(*axes, indexing="ij")
        centres.append(torch.stack([columns, rows], -1).flatten(0, 1))
        strides.append(torch.full((len(centres[-1]),), float(stride), device=device))
    return torch.cat(centres), torch.cat(strides)
