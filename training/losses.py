"""What the student is asked for."""

import torch
from torch import Tensor
from torch.nn import functional


def restoration_loss(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean absolute error of pixels and of their horizontal and vertical differences, both (N, 3, H, W)."""
    error = restored.float() - clean
    return error.abs().mean() + error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()


def feature_loss(features: Tensor, targets: Tensor) -> Tensor:
    """Mean over channels of the share of the targets' variance that is missed; both (N, C, H, W)."""
    variance = targets.var((0, 2, 3), keepdim=True)
    # A channel that is almost silent counts as if it had a thousandth of the mean variance.
    floor = 1e-3 * variance.mean() + 1e-6
    return ((features.float() - targets).square() / (variance + floor)).mean()


def relation_loss(embeddings: Tensor, targets: Tensor, others: Tensor, temperature: float) -> Tensor:
    """How far the student is from relating a face to others as its teacher does (Park et al. 2019, arXiv:1904.05068).

    Kullback-Leibler divergence between two softmaxes of cosines: of the target, (N, D), with itself, with the batch's
    other targets and with `others`, (M, D); and of the embedding, (N, D), with the same. All are of L2 norm 1.
    """
    candidates = torch.cat([targets, others])
    asked = functional.log_softmax(targets @ candidates.T / temperature, 1)
    told = functional.log_softmax(embeddings @ candidates.T / temperature, 1)
    return functional.kl_div(told, asked, reduction="batchmean", log_target=True)
