"""The optimisers of a network: Muon for its convolutions, AdamW for everything else; and their learning rate."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def as_matrix(weight: Tensor) -> Tensor:
    """Views a channels-last (O, I, kH, kW) weight as the matrix (O, kH*kW*I) that it multiplies patches with."""
    return weight.permute(0, 2, 3, 1).flatten(1)


class ConvolutionMuon(torch.optim.Muon):
    """Muon (Jordan et al. 2024) over convolutions: orthogonalised momentum of each weight as a matrix.

    torch's Muon takes matrices alone, so it is given views that share the weights' memory.

    Args:
        weights: (O, I, kH, kW) parameters in channels-last memory.
        options: of `torch.optim.Muon`.
    """

    def __init__(self, weights: Iterable[Tensor], **options: Any) -> None:
        self.weights = list(weights)
        self.matrices = [nn.Parameter(as_matrix(weight.detach())) for weight in self.weights]
        for weight, matrix in zip(self.weights, self.matrices, strict=True):
            if matrix.data_ptr() != weight.data_ptr():
                raise ValueError(f"a weight of shape {tuple(weight.shape)} is not in channels-last memory")
        super().__init__(self.matrices, **options)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for weight, matrix in zip(self.weights, self.matrices, strict=True):
            matrix.grad = None if weight.grad is None else as_matrix(weight.grad)
        super().step()  # type: ignore[no-untyped-call]


def make_optimisers(network: nn.Module, weight_decay: float) -> list[torch.optim.Optimizer]:
    """Returns optimisers whose steps have the same root mean square at the same learning rate.

    Depthwise weights are many small filters, not one matrix, and a first convolution sees three colours:
    both stay with AdamW, as do biases and the embedding's last layer.
    """
    matrices = [
        module.weight
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
        and module.groups == 1
        and min(module.weight.shape[:2]) > 3
    ]
    known = {id(weight) for weight in matrices}
    others = [p for p in network.parameters() if id(p) not in known]
    return [
        ConvolutionMuon(matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(
            [
                {"params": [p for p in others if p.ndim > 1], "weight_decay": weight_decay},
                {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
            ]
        ),
    ]


def cosine_with_warm_up(peak: float, warm_up: float, progress: float) -> float:
    """Returns the learning rate: linear warm-up, then a half cosine to a thousandth of the peak; progress in 0..1."""
    if progress < warm_up:
        return peak * progress / warm_up
    return peak * (0.001 + 0.999 * (1 + math.cos(math.pi * progress)) / 2)
