"""What YuNet's layers give, for another detector to follow."""

from collections.abc import Callable

import torch
from torch import Tensor

from training.onnx_module import OnnxModule
from training.paths import SHARED

LAYERS = ("458", "461", "464", "467", "470", "473", "476", "479", "482", "485", "488", "491", "494", "497", "500")
SHARED_LAYERS = ("503", "506", "509")
PREDICTIONS = (("297", "309", "303", "315"), ("299", "311", "305", "317"), ("301", "313", "307", "319"))
"""Names in the file of what the layers give, before ReLU and sigmoid, in the order of our own network's: backbone and
neck, and of each level's head the shared one and class, object, box and landmarks."""

Layers = Callable[[Tensor], list[Tensor]]
"""(N, 3, H, W) uint8 RGB, sides multiples of 32, to what each layer gives, float."""


def load_yunet(device: torch.device) -> Layers:
    """The arithmetic is FP32: what is to be solved for shows every rounding."""
    names = [*LAYERS, *SHARED_LAYERS, *(name for level in PREDICTIONS for name in level)]
    network = OnnxModule(SHARED / "models" / "yunet_n.onnx", names).to(device)

    @torch.no_grad()
    def layers(images: Tensor) -> list[Tensor]:
        outputs = network(images.flip(1).float())
        features, parts = outputs[: -4 * len(PREDICTIONS)], outputs[-4 * len(PREDICTIONS) :]
        return [*features, *(torch.cat(parts[i : i + 4], 1) for i in range(0, len(parts), 4))]

    return layers
