"""A small anchor-free face detector: boxes, scores and five landmarks at strides 8, 16 and 32.

A backbone of depthwise separable convolutions (Howard et al. 2017, arXiv:1704.04861), features of the coarser levels
added to the finer ones (Lin et al. 2017, arXiv:1612.03144), one head shared by all levels, as in YuNet (Wu et al. 2023)
and SCRFD (Guo et al. 2021, arXiv:2105.04714). Every place of a level predicts at most one face.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
LANDMARKS = 5
OUTPUTS = 1 + 4 + 2 * LANDMARKS


class Level(NamedTuple):
    """Raw predictions of one level, per place; see `decode`."""

    logits: Tensor
    """(N, H, W)."""
    sides: Tensor
    """(N, H, W, 4): logarithms of the distances to left, top, right and bottom, in strides."""
    landmarks: Tensor
    """(N, H, W, 5, 2): offsets from the place's centre, in strides."""


def full(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Depthwise 3x3, pointwise 1x1, each with batch norm and ReLU."""
    return nn.Sequential(
        Depthwise(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Depthwise(nn.Conv2d):
    """In training a stride is taken after the convolution: the same values, gradients five times as fast on a CPU."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        rows, columns = self.stride
        dense = functional.conv2d(x, self.weight, self.bias, 1, self.padding, self.dilation, self.groups)
        return dense[..., ::rows, ::columns]


class DetectorNetwork(nn.Module):
    """(N, 3, H, W) float RGB in -1..1, sides multiples of 32, to three levels, finest first.

    Args:
        widths: channels at strides 2, 4, 8, 16 and 32.
        depths: further separable convolutions at strides 8, 16 and 32.
        neck: channels of the levels that the head sees.
    """

    def __init__(
        self,
        widths: tuple[int, int, int, int, int] = (16, 32, 80, 128, 160),
        depths: tuple[int, int, int] = (2, 3, 2),
        neck: int = 64,
    ) -> None:
        super().__init__()
        at2, at4, at8, at16, at32 = widths
        self.stem = nn.Sequential(full(3, at2, 2), separable(at2, at4, 2), separable(at4, at4))
        self.down8 = self._stage(at4, at8, depths[0])
        self.down16 = self._stage(at8, at16, depths[1])
        self.down32 = self._stage(at16, at32, depths[2])
        self.side8, self.side16, self.side32 = (nn.Conv2d(c, neck, 1) for c in (at8, at16, at32))
        self.smooth8, self.smooth16, self.smooth32 = (separable(neck, neck) for _ in range(3))
        self.head = separable(neck, neck)
        self.predict = nn.Conv2d(neck, OUTPUTS, 1)
        # A face is rare: a first guess of one in a hundred keeps the loss of the many empty places small
        # (Lin et al. 2017, arXiv:1708.02002).
        nn.init.constant_(self.predict.bias[:1], -4.6)  # type: ignore[index]

    @staticmethod
    def _stage(inputs: int, outputs: int, depth: int) -> nn.Sequential:
        return nn.Sequential(separable(inputs, outputs, 2), *(separable(outputs, outputs) for _ in range(depth)))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Returns (N, OUTPUTS, H / stride, W / stride) of each stride: logit, sides, landmarks."""
        return self.predict_from(self.features(x))

    def features(self, x: Tensor) -> list[Tensor]:
        """Returns (N, neck, H / stride, W / stride) of each stride, what the head sees."""
        at8 = self.down8(self.stem(x))
        at16 = self.down16(at8)
        up32 = self.smooth32(self.side32(self.down32(at16)))
        up16 = self.smooth16(self.side16(at16) + double(up32))
        up8 = self.smooth8(self.side8(at8) + double(up16))
        return [up8, up16, up32]

    def predict_from(self, features: list[Tensor]) -> list[Tensor]:
        return [self.predict(self.head(level)) for level in features]


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
