"""Which place of which level is to predict which face, and how far off the predictions are."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.detection.network import LANDMARKS, STRIDES, Level, centres

REACH = 1.5
"""A face is learnt by places within so many strides of its centre (FCOS' centre sampling, arXiv:1904.01355)."""
RANGES_PX = ((0.0, 48.0), (32.0, 144.0), (96.0, 1e9))
"""Longer sides of the faces that each level learns; where they overlap, both do."""
BOX_WEIGHT, LANDMARK_WEIGHT = 2.0, 2.0


@dataclass(frozen=True, slots=True)
class Targets:
    """What one level's places are to say; (N, H, W, ...)."""

    face: Tensor
    """bool: there is a face to learn."""
    ignored: Tensor
    """bool: neither face nor background."""
    boxes: Tensor
    """x1 y1 x2 y2, pixels."""
    landmarks: Tensor
    """(N, H, W, 5, 2), pixels."""


def assign(boxes: Sequence[Tensor], landmarks: Sequence[Tensor], sure: Sequence[Tensor], side: int) -> list[Targets]:
    """Returns the targets of each level.

    Args:
        boxes: of each picture, (F, 4) pixels.
        landmarks: (F, 5, 2) each.
        sure: (F,) bool each; places inside of other boxes are ignored.
        side: of the pictures, pixels.
    """
    return [
        _assign_level(boxes, landmarks, sure, side // stride, stride, *limits)
        for stride, limits in zip(STRIDES, RANGES_PX, strict=True)
    ]


def _assign_level(
    boxes: Sequence[Tensor],
    landmarks: Sequence[Tensor],
    sure: Sequence[Tensor],
    cells: int,
    stride: int,
    smallest_px: float,
    largest_px: float,
) -> Targets:
    count, places = len(boxes), centres(cells, cells, stride)
    face, ignored = (torch.zeros(count, cells, cells, dtype=torch.bool) for _ in range(2))
    target_boxes, target_points = torch.zeros(count, cells, cells, 4), torch.zeros(count, cells, cells, LANDMARKS, 2)
    for n in range(count):
        sides = (boxes[n][:, 2:] - boxes[n][:, :2]).amax(1)
        # Large ones first: where two faces claim a place, the smaller one gets it.
        for f in torch.argsort(sides, descending=True).tolist():
            box = boxes[n][f]
            inside = ((places > box[:2]) & (places < box[2:])).all(-1)
            if not sure[n][f]:
                ignored[n] |= inside
                continue
            near = (places - (box[:2] + box[2:]) / 2).abs().amax(-1) < REACH * stride
            if not smallest_px <= sides[f] < largest_px:
                ignored[n] |= near & inside  # another level learns it; here it is no background either
                continue
            # A face below a stride may lie between the centres: it gets the nearest place.
            mine = near & (inside | (sides[f] < 2 * stride))
            face[n] |= mine
            target_boxes[n][mine], target_points[n][mine] = box, landmarks[n][f]
    return Targets(face, ignored & ~face, target_boxes, target_points)


def decode_boxes(level: Level, stride: int) -> Tensor:
    """Returns (N, H, W, 4) x1 y1 x2 y2, pixels."""
    place = centres(level.logits.shape[1], level.logits.shape[2], stride)
    sides = level.sides.clamp(-4, 6).exp() * stride
    return torch.cat([place - sides[..., :2], place + sides[..., 2:]], -1)


def decode_landmarks(level: Level, stride: int) -> Tensor:
    """Returns (N, H, W, 5, 2), pixels."""
    return centres(level.logits.shape[1], level.logits.shape[2], stride)[:, :, None] + level.landmarks * stride


def overlap(boxes: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the intersection over union of pairs of boxes, (..., 4), and the generalised one (arXiv:1902.09630)."""
    common = (torch.minimum(boxes[..., 2:], others[..., 2:]) - torch.maximum(boxes[..., :2], others[..., :2])).clamp(0)
    area = common.prod(-1)
    union = (boxes[..., 2:] - boxes[..., :2]).prod(-1) + (others[..., 2:] - others[..., :2]).prod(-1) - area
    hull = torch.maximum(boxes[..., 2:], others[..., 2:]) - torch.minimum(boxes[..., :2], others[..., :2])
    iou, hull_area = area / union.clamp(1e-6), hull.prod(-1)
    return iou, iou - (hull_area - union) / hull_area.clamp(1e-6)


@dataclass(frozen=True, slots=True)
class Losses:
    score: Tensor
    box: Tensor
    landmark: Tensor

    @property
    def total(self) -> Tensor:
        return self.score + BOX_WEIGHT * self.box + LANDMARK_WEIGHT * self.landmark


def detection_losses(levels: Sequence[Level], targets: Sequence[Targets]) -> Losses:
    """Score: quality focal loss, whose target is the predicted box's overlap (Li et al. 2020, arXiv:2006.04388).
    Box: 1 - generalised overlap. Landmarks: smooth L1 in shares of the box's side."""
    score, box, landmark = torch.zeros(()), torch.zeros(()), torch.zeros(())
    faces = max(1, sum(int(target.face.sum()) for target in targets))
    for level, target, stride in zip(levels, targets, STRIDES, strict=True):
        face = target.face
        wanted = torch.zeros_like(level.logits)
        if face.any():
            iou, generalised = overlap(decode_boxes(level, stride)[face], target.boxes[face])
            box = box + (1 - generalised).sum()
            wanted[face] = iou.detach().clamp(0, 1)
            side = (target.boxes[face][:, 2:] - target.boxes[face][:, :2]).amax(1)[:, None, None]
            off = (decode_landmarks(level, stride)[face] - target.landmarks[face]) / side
            landmark = landmark + functional.smooth_l1_loss(off, torch.zeros_like(off), beta=0.02, reduction="sum") / 10
        counted = ~target.ignored
        probability = level.logits.sigmoid()
        entropy = functional.binary_cross_entropy_with_logits(level.logits, wanted, reduction="none")
        score = score + (entropy * (wanted - probability).abs().square())[counted].sum()
    return Losses(score / faces, box / faces, landmark / faces)
