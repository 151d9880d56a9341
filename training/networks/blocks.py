"""What the networks are built of."""

import torch
from torch import Tensor, nn


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU; output side = input side / stride."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def deconv(inputs: int, outputs: int) -> nn.Sequential:
    """Transposed convolution k4 s2 p1 (each output pixel sees 2x2 inputs: no checkerboard), batch norm, ReLU."""
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def linear(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """As `conv`, without ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs))


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """Depthwise 3x3 and pointwise convolution (Howard et al. 2017, arXiv:1704.04861), batch norm and ReLU each."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, 1, 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        conv(inputs, outputs, 1),
    )


class Residual(nn.Module):
    """x + f(x), f = two 3x3 convolutions (He et al. 2016, arXiv:1603.05027); nothing bends the sum.

    Args:
        channels: of x.
        hidden: between the two convolutions.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(channels, hidden), linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.body(x)
        return y


class Depthwise(nn.Conv2d):
    """In training a stride is taken after the convolution: the same values, gradients five times as fast on a CPU."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.stride == (1, 1):
            return super().forward(x)
        rows, columns = self.stride
        dense = nn.functional.conv2d(x, self.weight, self.bias, 1, self.padding, self.dilation, self.groups)
        return dense[..., ::rows, ::columns]


class Bottleneck(nn.Module):
    """Inverted residual with a linear output (Sandler et al. 2018, arXiv:1801.04381).

    Args:
        inputs: channels of x.
        hidden: channels in which the depthwise convolution works.
        outputs: channels given; x is added where nothing changes its shape.
        stride: of the depthwise convolution.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            Depthwise(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y if self.is_residual else y


class PoolByPlace(nn.Module):
    """A weighted global pooling, one weight per channel and place: an eye is not a chin.

    What a global depthwise convolution computes (Chen et al. 2018, arXiv:1804.07573), written as a sum because that
    trains faster on a CPU. (N, channels, side, side) to (N, channels).
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, side, side) / side)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum((2, 3)) + self.bias


class MaxUnpool(nn.Module):
    """Unpooling (Zeiler and Fergus 2014, arXiv:1311.2901): each value returns to where its maximum was.

    TensorRT has no MaxUnpool and ONNX's takes indices; this form is pointwise and exports as Resize, Equal and Mul.
    Where a 2x2 window has its maximum twice, the value is shared among them instead of repeated.
    """

    def forward(self, x: Tensor, unpooled: Tensor, pooled: Tensor) -> Tensor:
        """Returns (N, C, 2H, 2W).

        Args:
            x: (N, C, H, W), what to unpool.
            unpooled: (N, C, 2H, 2W), what went into the max pooling with k2 s2.
            pooled: (N, C, H, W), what came out of it.
        """
        switches = (unpooled == double(pooled)).to(x.dtype)
        shares = switches / double(4 * nn.functional.avg_pool2d(switches, 2))
        return double(x) * shares


def double(x: Tensor) -> Tensor:
    """Repeats each pixel in both directions."""
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
