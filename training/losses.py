"""What the student is asked for."""

import torch
from torch import Tensor
from torch.nn import functional

SAME_FACE = 0.999
"""Cosine of two targets that belong to one picture."""


def restoration_loss(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean absolute error of pixels and of their horizontal and vertical differences, both (N, 3, H, W)."""
    error = restored.float() - clean
    return error.abs().mean() + error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()


def contrast_loss(embeddings: Tensor, targets: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of picking the own target, (N, D), among the batch's and the negatives.

    InfoNCE (Oord et al. 2018, arXiv:1807.03748). The negatives, (M, D), are drawn from all faces: where one is the
    face's own target, it is left out.
    """
    candidates = torch.cat([targets, negatives])
    logits = embeddings @ candidates.T / temperature
    own = targets @ candidates.T > SAME_FACE
    own[:, : len(targets)].fill_diagonal_(False)
    right = torch.arange(len(embeddings), device=embeddings.device)
    return functional.cross_entropy(logits.masked_fill(own, -torch.inf), right)
