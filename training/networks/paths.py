"""What mends the features of a degraded face, at 28x28 between an embedder's fourth bottleneck and its fifth.

`DeconvPath` looks at the whole face, and brings what it saw there back up by transposed convolutions (Zeiler et al.
2010; Long et al. 2015, arXiv:1411.4038), with the features of each scale beside (Ronneberger et al. 2015,
arXiv:1505.04597). `UnpoolPath` also remembers where each maximum was (Noh et al. 2015, arXiv:1505.04366). `PlainPath`
spends as much on a closer look and comes back with nothing from below. All begin as the identity, (N, C, 28, 28) to the
same, so that the networks around them begin as one.
"""

from torch import Tensor, nn

from training.networks.blocks import MaxUnpool, Residual, conv, deconv, linear

AT_7 = 128


class PlainPath(nn.Module):
    """Args: width: channels; slim: what the hidden channels are divided by."""

    def __init__(self, width: int, slim: int = 1) -> None:
        super().__init__()
        self.near = Residual(width, width // slim)
        begin_silent(self.near.body)

    def forward(self, x: Tensor) -> Tensor:
        mended: Tensor = self.near(x)
        return mended


class DeconvPath(nn.Module):
    """Args: width: channels; deep: channels at 14x14; slim: what the hidden channels are divided by."""

    def __init__(self, width: int, deep: int = 80, slim: int = 1) -> None:
        super().__init__()
        self.down14 = nn.Sequential(conv(width, deep, 3, 2), Residual(deep, deep // slim))
        self.down7 = conv(deep, AT_7 // slim, 3, 2)
        self.up14 = deconv(AT_7 // slim, deep)
        self.up28 = raise_linearly(deep, width)
        begin_silent(self.up28)

    def forward(self, x: Tensor) -> Tensor:
        at14 = self.down14(x)
        return x + self.up28(self.up14(self.down7(at14)) + at14)


class UnpoolPath(nn.Module):
    """Args: as of `DeconvPath`."""

    def __init__(self, width: int, deep: int = 80, slim: int = 1) -> None:
        super().__init__()
        self.widen = conv(width, deep, 1)
        self.pool = nn.MaxPool2d(2)
        self.at14 = Residual(deep, deep // slim)
        self.down7 = conv(deep, AT_7 // slim, 3, 2)
        self.up14 = deconv(AT_7 // slim, deep)
        self.up28 = raise_linearly(deep, deep)
        self.unpool = MaxUnpool()
        self.narrow = linear(deep, width, 1)
        begin_silent(self.narrow)

    def forward(self, x: Tensor) -> Tensor:
        wide = self.widen(x)
        pooled = self.pool(wide)
        at14 = self.at14(pooled)
        lifted = self.up14(self.down7(at14)) + at14
        return x + self.narrow(self.up28(lifted) + self.unpool(lifted, wide, pooled))


def raise_linearly(inputs: int, outputs: int) -> nn.Sequential:
    """As `deconv`, without ReLU: what comes back up may also take away."""
    up = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)
    return nn.Sequential(up, nn.BatchNorm2d(outputs))


def begin_silent(layers: nn.Sequential) -> None:
    """Lets layers that end with a batch norm give zeros until they learn (Goyal et al. 2017, arXiv:1706.02677)."""
    *_, last = (module for module in layers.modules() if isinstance(module, nn.BatchNorm2d))
    nn.init.zeros_(last.weight)
