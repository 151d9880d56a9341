"""What YuNet's layers give, for another detector to follow."""

from collections.abc import Callable

import torch
from torch import Tensor

from training.onnx_runner import load_runner
from training.paths import SHARED

LAYERS = ("458", "461", "464", "467", "470", "473", "476", "479", "482", "485", "488", "491", "494", "497", "500")
"""Names in the file of what the layers of backbone and neck give, before ReLU, in the order of our own network's."""

Layers = Callable[[Tensor], list[Tensor]]
"""(N, 3, H, W) uint8 RGB, sides multiples of 32, to the features of `LAYERS`, float."""


def load_yunet(device: torch.device) -> Layers:
    run = load_runner(SHARED / "models" / "yunet_n.onnx", LAYERS, device)

    @torch.no_grad()
    def layers(images: Tensor) -> list[Tensor]:
        return [feature.float() for feature in run(images.flip(1).float())]

    return layers
