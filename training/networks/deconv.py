"""The deconvolution embedder: an encoder, a transposed-convolution path back up, and an embedding of both.

The encoder loses detail on purpose, four times by stride. The deconvolution path brings its features back
up with ConvTranspose2d (Zeiler et al. 2010; Long et al. 2015, arXiv:1411.4038) and sees the encoder's own
features of each scale on the way (Ronneberger et al. 2015, arXiv:1505.04597). A restoration head draws the
clean face from the recovered features, which forces them to hold the detail that noise, distance and
compression took; the same features are pooled into the embedding. The head is for training and for
showing; the exported embedder does not contain it.
"""

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


class Residual(nn.Module):
    """x + f(x), f = two 3x3 convolutions (He et al. 2016, arXiv:1603.05027)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(channels, channels),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x + self.body(x))


class DeconvEmbedder(nn.Module):
    """Faces to embeddings, and to restored faces.

    Args:
        dimension: length of the embedding.
        widths: channels at 1/4, 1/8 and 1/16 of the input's side.
        depths: residual blocks at those scales.
    """

    def __init__(
        self,
        dimension: int = 256,
        widths: tuple[int, int, int] = (48, 96, 192),
        depths: tuple[int, int, int] = (1, 2, 2),
    ) -> None:
        super().__init__()
        a, b, c = widths
        self.stem = conv(3, 16, 3, 2)
        self.down4 = nn.Sequential(conv(16, a, 3, 2), *(Residual(a) for _ in range(depths[0])))
        self.down8 = nn.Sequential(conv(a, b, 3, 2), *(Residual(b) for _ in range(depths[1])))
        self.down16 = nn.Sequential(conv(b, c, 3, 2), *(Residual(c) for _ in range(depths[2])))
        self.up8 = deconv(c, b)
        self.merge8 = conv(b, b)
        self.up4 = deconv(b, a)
        self.merge4 = conv(a, a)
        self.restore = nn.Sequential(deconv(a, 16), nn.ConvTranspose2d(16, 3, 4, 2, 1))
        self.gather4 = conv(a, b, 3, 2)
        self.gather8 = conv(b, b, 3, 2)
        # A weighted global pooling, one weight per channel and place: an eye is not a chin
        # (global depthwise convolution, Chen et al. 2018, arXiv:1804.07573).
        self.pool = nn.Sequential(
            nn.Conv2d(c + b, c + b, 7, groups=c + b, bias=False), nn.BatchNorm2d(c + b), nn.Flatten()
        )
        self.embed = nn.Linear(c + b, dimension)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns embeddings (N, dimension) float, L2 norm 1, and restored features (N, widths[0], 28, 28).

        Args:
            x: (N, 3, 112, 112) float RGB in -1..1, faces aligned to the ArcFace template.
        """
        at4 = self.down4(self.stem(x))
        at8 = self.down8(at4)
        at16 = self.down16(at8)
        up8 = self.merge8(self.up8(at16) + at8)
        up4 = self.merge4(self.up4(up8) + at4)
        gathered = self.gather8(self.gather4(up4))
        embedding = self.embed(self.pool(torch.cat([at16, gathered], 1)))
        return nn.functional.normalize(embedding.float(), dim=1), up4
