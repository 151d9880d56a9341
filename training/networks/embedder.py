"""A face embedder whose stages end where its teacher's do.

Features after each stage have the teacher's channels (64 at 28x28, 128 at 14x14 and at 7x7) and mean the same, so that
training can compare them, and can train every stage alone by giving it the teacher's features. They are linear, that
is, after no activation (Sandler et al. 2018, arXiv:1801.04381).
"""

from collections.abc import Callable

from torch import Tensor, nn

from training.networks.blocks import PoolByPlace, Residual, conv, deconv, linear

CHANNELS = (64, 128, 128)
EXPANDED = 512


class Embedder(nn.Module):
    """Faces to embeddings, and to restored faces.

    Args:
        front: makes the first stage, given its channels.
        dimension: length of the embedding.
        slim: what the hidden channels of the later stages are divided by.
        restores: with a head that draws the clean face from what the front gives: for training and for showing, the
            exported embedder does not contain it.
    """

    def __init__(
        self, front: Callable[[int], nn.Module], dimension: int = 128, slim: int = 1, restores: bool = True
    ) -> None:
        super().__init__()
        at28, at14, at7 = CHANNELS
        self.stages = nn.ModuleList(
            [
                front(at28),
                nn.Sequential(linear(at28, at14, 3, 2), *(Residual(at14, at14 // slim) for _ in range(2))),
                nn.Sequential(linear(at14, at7, 3, 2), *(Residual(at7, at7 // slim) for _ in range(2))),
            ]
        )
        self.expand = conv(at7, EXPANDED, 1)
        self.pool = PoolByPlace(EXPANDED, 7)
        self.project = nn.Linear(EXPANDED, dimension)
        self.restore = nn.Sequential(deconv(at28, 16), nn.ConvTranspose2d(16, 3, 4, 2, 1)) if restores else None

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Returns embeddings (N, dimension) float, L2 norm 1, and the features after each stage.

        Args:
            x: (N, 3, 112, 112) float RGB in -1..1, faces aligned to the ArcFace template.
        """
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return self.embed(x), features

    def embed(self, x: Tensor) -> Tensor:
        """Returns the embedding of the last stage's features."""
        return nn.functional.normalize(self.project(self.pool(self.expand(x))).float(), dim=1)
