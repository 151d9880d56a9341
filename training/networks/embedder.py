"""A face embedder whose stages end where its teacher's do.

MobileFaceNet's bottlenecks (Chen et al. 2018, arXiv:1804.07573), with a path of our own that mends what a camera did to
a face. Features after each stage have the teacher's shape and mean the same, so that training can compare them, and can
train every stage alone by giving it the teacher's features: a stage of few layers learns in minutes what a whole
network learns in days.
"""

from collections.abc import Callable

from torch import Tensor, nn

from training.networks.blocks import Bottleneck, PoolByPlace, conv, deconv, linear, separable

AT_28, AT_14, AT_7 = 64, 128, 128
"""Channels of the features at 28x28, 14x14 and 7x7."""
EXPANDED = 512
MENDED = 4
"""Number of the stage whose features the path mends: the last at 28x28."""


def enter() -> nn.Module:
    """From pixels to 28x28, as MobileFaceNet does it."""
    return nn.Sequential(conv(3, AT_28, 3, 2), separable(AT_28, AT_28), Bottleneck(AT_28, 128, AT_28, 2))


def enter_cheaply() -> nn.Module:
    """From pixels to 28x28 at a sixth of the cost."""
    return nn.Sequential(conv(3, 16, 3, 2), linear(16, AT_28, 3, 2))


class Embedder(nn.Module):
    """Faces to embeddings, and to restored faces.

    Args:
        path: makes what mends the features at 28x28, given their channels; None: nothing does.
        entry: makes the first stage.
        hidden: channels inside the bottlenecks at 28x28, at 14x14 (and on the way there, and at 7x7), and on the way to
            7x7.
        restores: with a head that draws the clean face from the mended features: for training and for showing, the
            exported embedder does not contain it.
        dimension: length of the embedding.
    """

    def __init__(
        self,
        path: Callable[[int], nn.Module] | None,
        entry: Callable[[], nn.Module] = enter,
        hidden: tuple[int, int, int] = (128, 256, 512),
        restores: bool = False,
        dimension: int = 128,
    ) -> None:
        super().__init__()
        narrow, middle, wide = hidden
        self.stages = nn.ModuleList(
            [
                entry(),
                *(Bottleneck(AT_28, narrow, AT_28) for _ in range(4)),
                Bottleneck(AT_28, middle, AT_14, 2),
                *(Bottleneck(AT_14, middle, AT_14) for _ in range(6)),
                Bottleneck(AT_14, wide, AT_7, 2),
                *(Bottleneck(AT_7, middle, AT_7) for _ in range(2)),
            ]
        )
        self.path = path(AT_28) if path else None
        self.expand = conv(AT_7, EXPANDED, 1)
        self.pool = PoolByPlace(EXPANDED, 7)
        self.project = nn.Linear(EXPANDED, dimension)
        self.restore = nn.Sequential(deconv(AT_28, 16), nn.ConvTranspose2d(16, 3, 4, 2, 1)) if restores else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns embeddings (N, dimension) float, L2 norm 1, and the mended features (N, 64, 28, 28).

        Args:
            x: (N, 3, 112, 112) float RGB in -1..1, faces aligned to the ArcFace template.
        """
        mended = self.mend(x)
        x = mended
        for stage in self.stages[MENDED + 1 :]:
            x = stage(x)
        return self.embed(x), mended

    def before_path(self, x: Tensor) -> Tensor:
        """Returns the features that the path gets, (N, 64, 28, 28). Args: as of `forward`."""
        for stage in self.stages[: MENDED + 1]:
            x = stage(x)
        return x

    def mend(self, x: Tensor) -> Tensor:
        """Returns the mended features alone, at the cost of what is in front of them. Args: as of `forward`."""
        x = self.before_path(x)
        return self.path(x) if self.path else x

    def embed(self, x: Tensor) -> Tensor:
        """Returns the embedding of the last stage's features."""
        return nn.functional.normalize(self.project(self.pool(self.expand(x))).float(), dim=1)
