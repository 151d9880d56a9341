"""The deconvolution embedder with unpooling: its way up remembers where each maximum was.

Where `DeconvEmbedder` halves by stride, this one pools maxima, and its way back up adds to every transposed
convolution the unpooled features, which stand where the detail stood before it was pooled away (Zeiler and Fergus
2014, arXiv:1311.2901; Noh et al. 2015, arXiv:1505.04366).
"""

import torch
from torch import Tensor, nn

from training.networks.blocks import MaxUnpool, Residual, conv, deconv, pool_by_place, stage


class Rise(nn.Module):
    """Doubles the side by a transposed convolution and by unpooling, and merges both with the encoder's features."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.up = deconv(inputs, outputs)
        self.thin = nn.Conv2d(inputs, outputs, 1)
        self.unpool = MaxUnpool()
        self.merge = conv(outputs, outputs)

    def forward(self, x: Tensor, unpooled: Tensor, pooled: Tensor) -> Tensor:
        merged: Tensor = self.merge(self.up(x) + self.unpool(self.thin(x), unpooled, pooled) + unpooled)
        return merged


class UnpoolEmbedder(nn.Module):
    """Faces to embeddings, and to restored faces. Arguments as of `DeconvEmbedder`."""

    def __init__(
        self,
        dimension: int = 256,
        widths: tuple[int, int, int] = (48, 96, 192),
        depths: tuple[int, int, int] = (1, 2, 2),
    ) -> None:
        super().__init__()
        a, b, c = widths
        self.stem = conv(3, 16, 3, 2)
        self.down4 = stage(16, a, depths[0])
        self.pool = nn.MaxPool2d(2)
        self.at8 = nn.Sequential(conv(a, b), *(Residual(b) for _ in range(depths[1])))
        self.at16 = nn.Sequential(conv(b, c), *(Residual(c) for _ in range(depths[2])))
        self.rise8 = Rise(c, b)
        self.rise4 = Rise(b, a)
        self.restore = nn.Sequential(deconv(a, 16), nn.ConvTranspose2d(16, 3, 4, 2, 1))
        self.gather = nn.Sequential(conv(a, b, 3, 2), conv(b, b, 3, 2))
        self.pool_by_place = pool_by_place(c + b, 7)
        self.embed = nn.Linear(c + b, dimension)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns embeddings (N, dimension) float, L2 norm 1, and restored features (N, widths[0], 28, 28)."""
        at4 = self.down4(self.stem(x))
        pooled4 = self.pool(at4)
        at8 = self.at8(pooled4)
        pooled8 = self.pool(at8)
        at16 = self.at16(pooled8)
        up8 = self.rise8(at16, at8, pooled8)
        up4 = self.rise4(up8, at4, pooled4)
        embedding = self.embed(self.pool_by_place(torch.cat([at16, self.gather(up4)], 1)))
        return nn.functional.normalize(embedding.float(), dim=1), up4
