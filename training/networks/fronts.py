"""The first stage of an embedder: from pixels to features at a quarter of the side.

What noise, distance and compression took from a face is lost here or brought back here. `PlainFront` only looks
closer. `DeconvFront` looks at the whole face first, and brings what it saw there back up by transposed convolutions
(Zeiler et al. 2010; Long et al. 2015, arXiv:1411.4038), with the features of each scale beside (Ronneberger et al.
2015, arXiv:1505.04597). `UnpoolFront` also remembers where each maximum was (Noh et al. 2015, arXiv:1505.04366).
All give (N, 64, 28, 28) and cost the same.
"""

from torch import Tensor, nn

from training.networks.blocks import MaxUnpool, Residual, conv, deconv, linear

STEM = 16
AT_7 = 128


class PlainFront(nn.Module):
    """Args: width: channels given; slim: what the hidden channels are divided by."""

    def __init__(self, width: int, slim: int = 1) -> None:
        super().__init__()
        self.stem = conv(3, STEM, 3, 2)
        self.near = nn.Sequential(
            conv(STEM, width, 3, 2), Residual(width, width // slim), Residual(width, width // slim)
        )

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.near(self.stem(x))
        return features


class DeconvFront(nn.Module):
    """Args: width: channels given; deep: channels at 14x14; slim: what the hidden channels are divided by."""

    def __init__(self, width: int, deep: int = 80, slim: int = 1) -> None:
        super().__init__()
        self.stem = conv(3, STEM, 3, 2)
        self.near = nn.Sequential(conv(STEM, width, 3, 2), Residual(width, width // slim))
        self.down14 = nn.Sequential(conv(width, deep, 3, 2), Residual(deep, deep // slim))
        self.down7 = conv(deep, AT_7 // slim, 3, 2)
        self.up14 = deconv(AT_7 // slim, deep)
        self.up28 = raise_linearly(deep, width)

    def forward(self, x: Tensor) -> Tensor:
        near = self.near(self.stem(x))
        at14 = self.down14(near)
        return near + self.up28(self.up14(self.down7(at14)) + at14)


class UnpoolFront(nn.Module):
    """Args: as of `DeconvFront`."""

    def __init__(self, width: int, deep: int = 80, slim: int = 1) -> None:
        super().__init__()
        self.stem = conv(3, STEM, 3, 2)
        self.near = nn.Sequential(conv(STEM, width, 3, 2), Residual(width, width // slim))
        self.widen = conv(width, deep, 1)
        self.pool = nn.MaxPool2d(2)
        self.at14 = Residual(deep, deep // slim)
        self.down7 = conv(deep, AT_7 // slim, 3, 2)
        self.up14 = deconv(AT_7 // slim, deep)
        self.up28 = raise_linearly(deep, deep)
        self.unpool = MaxUnpool()
        self.narrow = linear(deep, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        near = self.near(self.stem(x))
        wide = self.widen(near)
        pooled = self.pool(wide)
        at14 = self.at14(pooled)
        lifted = self.up14(self.down7(at14)) + at14
        return near + self.narrow(self.up28(lifted) + self.unpool(lifted, wide, pooled))


def raise_linearly(inputs: int, outputs: int) -> nn.Sequential:
    """As `deconv`, without ReLU: what comes back up may also take away."""
    up = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)
    return nn.Sequential(up, nn.BatchNorm2d(outputs))
