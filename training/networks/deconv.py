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

from training.networks.blocks import conv, deconv, pool_by_place, stage


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
        self.down4 = stage(16, a, depths[0])
        self.down8 = stage(a, b, depths[1])
        self.down16 = stage(b, c, depths[2])
        self.up8 = deconv(c, b)
        self.merge8 = conv(b, b)
        self.up4 = deconv(b, a)
        self.merge4 = conv(a, a)
        self.restore = nn.Sequential(deconv(a, 16), nn.ConvTranspose2d(16, 3, 4, 2, 1))
        self.gather4 = conv(a, b, 3, 2)
        self.gather8 = conv(b, b, 3, 2)
        self.pool = pool_by_place(c + b, 7)
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
