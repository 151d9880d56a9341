"""What YuNet's head sees, for another detector to follow."""

from collections.abc import Callable

import torch
from torch import Tensor

from training.onnx_runner import load_runner
from training.paths import SHARED

FEATURES = ("283", "273", "263")
"""Names in the file, of the levels at strides 8, 16 and 32, after ReLU."""

Neck = Callable[[Tensor], list[Tensor]]
"""(N, 3, H, W) uint8 RGB, sides multiples of 32, to (N, 64, H / stride, W / stride) of each stride, float."""


def load_neck(device: torch.device) -> Neck:
    run = load_runner(SHARED / "models" / "yunet_n.onnx", FEATURES, device)

    @torch.no_grad()
    def neck(images: Tensor) -> list[Tensor]:
        return [feature.float() for feature in run(images.flip(1).float())]

    return neck
