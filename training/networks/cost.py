"""What a network costs: multiply-accumulates and parameters of what is exported."""

from typing import Any

import torch
from torch import Tensor, nn

COUNTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


@torch.no_grad()
def macs(network: nn.Module, side_px: int = 112) -> int:
    """Returns the multiply-accumulates of one face's embedding; batch norms are folded and cost nothing."""
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal total
        # A transposed convolution uses its kernel once per input pixel, a convolution once per output pixel.
        pixels = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        places = pixels[0, 0].numel() if pixels.ndim == 4 else 1
        weight: Any = module.weight
        total += places * weight.numel()

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, COUNTED)]
    was_training = network.training
    network.eval()(torch.zeros(1, 3, side_px, side_px))
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    return total
