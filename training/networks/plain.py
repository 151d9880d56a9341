"""The plain twin of the deconvolution embedder: the same encoder, deeper where the twin goes back up.

It exists to be compared: equal input, equal embedding, equal cost (within 1 %), trained by the same recipe on the
same faces. It restores nothing.
"""

import torch
from torch import Tensor, nn

from training.networks.blocks import conv, pool_by_place, stage


class PlainEmbedder(nn.Module):
    """Faces to embeddings. Arguments as of `DeconvEmbedder`."""

    restore = None

    def __init__(
        self,
        dimension: int = 256,
        widths: tuple[int, int, int] = (48, 96, 192),
        depths: tuple[int, int, int] = (1, 3, 3),
    ) -> None:
        super().__init__()
        a, b, c = widths
        self.stem = conv(3, 16, 3, 2)
        self.down4 = stage(16, a, depths[0])
        self.down8 = stage(a, b, depths[1])
        self.down16 = stage(b, c, depths[2])
        self.widen = conv(c, b)
        self.pool = pool_by_place(c + b, 7)
        self.embed = nn.Linear(c + b, dimension)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Returns embeddings (N, dimension) float, L2 norm 1; x as for `DeconvEmbedder`."""
        at16 = self.down16(self.down8(self.down4(self.stem(x))))
        embedding = self.embed(self.pool(torch.cat([at16, self.widen(at16)], 1)))
        return nn.functional.normalize(embedding.float(), dim=1), None
