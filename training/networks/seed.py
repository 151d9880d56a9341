"""The article's network as written: two transposed convolutions enlarge a face, a convolution draws it.

The article that this project grew from proposes ConvTranspose2d 3->16 and 16->32 (k4 s2 p1, ReLU), then a convolution
32->1 with k4, on 64x64 RGB, trained with cross-entropy or with the mean squared error. It is kept
buildable and trainable: `python -m training.seed`.
"""

from torch import Tensor, nn


class SeedNetwork(nn.Module):
    """(N, 3, 64, 64) float RGB in -1..1 to one map (N, 1, 253, 253): 64 -> 128 -> 256, and a k4 without padding.

    With `classes`, the map is pooled to 8x8 and classified instead: (N, classes) logits.
    """

    def __init__(self, classes: int | None = None) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(3, 16, 4, 2, 1),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(16, 32, 4, 2, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 1, 4),
        )
        self.classify = None
        if classes is not None:
            self.classify = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(64, classes))

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.layers(x)
        return maps if self.classify is None else self.classify(maps)
