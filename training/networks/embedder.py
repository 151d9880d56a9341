"""A face embedder whose stages end where its teacher's do.

After a front of our own come the bottlenecks of MobileFaceNet (Chen et al. 2018, arXiv:1804.07573). Features after each
stage have the teacher's shape and mean the same, so that training can compare them, and can train every stage alone by
giving it the teacher's features: a stage of few layers learns in minutes what a whole network learns in days.
"""

from collections.abc import Callable

from torch import Tensor, nn

from training.networks.blocks import Bottleneck, PoolByPlace, conv, deconv

AT_28, AT_14, AT_7 = 64, 128, 128
"""Channels of the features at 28x28, 14x14 and 7x7."""
EXPANDED = 512


class Embedder(nn.Module):
    """Faces to embeddings, and to restored faces.

    Args:
        front: makes the features at 28x28, given their channels.
        dimension: length of the embedding.
        slim: what the hidden channels of the bottlenecks are divided by.
        restores: with a head that draws the clean face from what the front gives: for training and for showing, the
            exported embedder does not contain it.
    """

    def __init__(
        self, front: Callable[[int], nn.Module], dimension: int = 128, slim: int = 1, restores: bool = True
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [
                front(AT_28),
                Bottleneck(AT_28, 256 // slim, AT_14, 2),
                *(Bottleneck(AT_14, 256 // slim, AT_14) for _ in range(6)),
                Bottleneck(AT_14, 512 // slim, AT_7, 2),
                *(Bottleneck(AT_7, 256 // slim, AT_7) for _ in range(2)),
            ]
        )
        self.expand = conv(AT_7, EXPANDED, 1)
        self.pool = PoolByPlace(EXPANDED, 7)
        self.project = nn.Linear(EXPANDED, dimension)
        self.restore = nn.Sequential(deconv(AT_28, 16), nn.ConvTranspose2d(16, 3, 4, 2, 1)) if restores else None

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
