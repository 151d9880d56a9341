"""Which place is to predict which face, and how far off the predictions are. Runs on whatever holds the tensors."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from training.detection.network import STRIDES, Predictions, places

REACH = 1.5
"""A face is learnt by places within so many strides of its centre (FCOS' centre sampling, arXiv:1904.01355)."""
RANGES_PX = ((0.0, 48.0), (32.0, 144.0), (96.0, 1e9))
"""Longer sides of the faces that each level learns; where they overlap, both do."""

LARGEST_SCORE = 1 - 1e-6
"""Beyond it the logarithm of what is left has no gradient."""


class Faces(NamedTuple):
    """Of a batch; pictures with fewer than F have empty boxes, which no place lies in."""

    boxes: Tensor
    """(N, F, 4): x1 y1 x2 y2, pixels."""
    landmarks: Tensor
    """(N, F, 5, 2), pixels."""
    sure: Tensor
    """(N, F) bool; places inside of other boxes are ignored."""


class Targets(NamedTuple):
    """What the places are to say, in the order of `Predictions`."""

    face: Tensor
    """(N, P) bool: there is a face to learn."""
    ignored: Tensor
    """(N, P) bool: neither face nor background."""
    boxes: Tensor
    """(N, P, 4)."""
    landmarks: Tensor
    """(N, P, 5, 2)."""


def assign(faces: Faces, height: int, width: int) -> Targets:
    """Args: height, width: of the pictures, pixels."""
    centres, strides = places(height, width, faces.boxes.device)
    levels = torch.bucketize(strides, strides.new_tensor(STRIDES))
    smallest_px, largest_px = torch.tensor(RANGES_PX, device=strides.device)[levels, None].unbind(-1)  # (P, 1) each
    x, y = centres[:, None].unbind(-1)
    strides = strides[:, None]
    x1, y1, x2, y2 = faces.boxes[:, None].unbind(-1)  # (N, 1, F); with the places: (N, P, F)
    sides, sure = torch.maximum(x2 - x1, y2 - y1), faces.sure[:, None]
    inside = (x > x1) & (x < x2) & (y > y1) & (y < y2)
    near = torch.maximum((x - (x1 + x2) / 2).abs(), (y - (y1 + y2) / 2).abs()) < REACH * strides
    mine = (smallest_px <= sides) & (sides < largest_px)
    # A face below a stride may lie between the centres: it gets the nearest place.
    learns = sure & near & mine & (inside | (sides < 2 * strides))
    # What another level learns is no background here either.
    ignored = (inside & (~sure | (near & ~mine))).any(-1)
    # Where two faces claim a place, the smaller one gets it.
    chosen = torch.where(learns, sides, torch.inf).argmin(-1)
    face, of = learns.any(-1), torch.arange(len(chosen), device=chosen.device)[:, None]
    return Targets(face, ignored & ~face, faces.boxes[of, chosen], faces.landmarks[of, chosen])


def overlap(boxes: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the intersection over union of pairs of boxes, (..., 4), and the generalised one (arXiv:1902.09630)."""
    common = (torch.minimum(boxes[..., 2:], others[..., 2:]) - torch.maximum(boxes[..., :2], others[..., :2])).clamp(0)
    area = common.prod(-1)
    union = (boxes[..., 2:] - boxes[..., :2]).prod(-1) + (others[..., 2:] - others[..., :2]).prod(-1) - area
    hull = torch.maximum(boxes[..., 2:], others[..., 2:]) - torch.minimum(boxes[..., :2], others[..., :2])
    iou, hull_area = area / union.clamp(1e-6), hull.prod(-1)
    return iou, iou - (hull_area - union) / hull_area.clamp(1e-6)


class Losses(NamedTuple):
    score: Tensor
    box: Tensor
    landmark: Tensor


def detection_losses(found: Predictions, wanted: Targets) -> Losses:
    """Score: quality focal loss, whose target is the predicted box's overlap (Li et al. 2020, arXiv:2006.04388).
    Box: 1 - generalised overlap. Landmarks: smooth L1 in shares of the box's side."""
    face = wanted.face
    iou, generalised = overlap(found.boxes, wanted.boxes)
    box = torch.where(face, 1 - generalised, 0).sum()
    quality = torch.where(face, iou.detach().clamp(0, 1), 0)
    scores = found.log_scores.exp()
    entropy = -quality * found.log_scores - (1 - quality) * torch.log1p(-scores.clamp(max=LARGEST_SCORE))
    score = torch.where(wanted.ignored, 0, entropy * (quality - scores).square()).sum()
    side = (wanted.boxes[..., 2:] - wanted.boxes[..., :2]).amax(-1).clamp(1)
    off = (found.landmarks - wanted.landmarks) / side[..., None, None]
    missed = functional.smooth_l1_loss(off, torch.zeros_like(off), beta=0.02, reduction="none").mean((-1, -2))
    landmark = torch.where(face, missed, 0).sum()
    faces = face.sum().clamp(1)
    return Losses(score / faces, box / faces, landmark / faces)
