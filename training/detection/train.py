"""Trains the face detector on composed scenes.

    python -m training.detection.train --minutes 60 --out runs/detector.pt
    python -m training.detection.train --minutes 60 --start training/checkpoints/detector.pt

The learning rate follows the clock, one cosine over the given minutes. Every few minutes the weights' running average
is validated on scenes that training never sees, and saved with what made it.
"""

import argparse
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import swa_utils
from torch.utils.data import DataLoader, Dataset

from training.detection.losses import assign, decode_landmarks, detection_losses
from training.detection.network import STRIDES, DetectorNetwork, split
from training.detection.scenes import Scene, SceneMaker
from training.optimisers import cosine_with_warm_up, make_optimisers
from training.paths import RUNS
from training.tensors import normalise, to_tensor

logger = logging.getLogger(__name__)

SIDE = 320
VALIDATE_S = 300.0
SETTLE_BATCHES = 32
HELD_OUT_SEED = 7
HELD_OUT_SCENES = 128


@dataclass(frozen=True, slots=True)
class DetectorRecipe:
    minutes: float
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: float = 0.05
    average_decay: float = 0.999
    seed: int = 1


class Scenes(Dataset):
    """Endless composed scenes."""

    def __init__(self, seed: int, first_draw: int) -> None:
        self.maker, self.seed, self.first_draw = SceneMaker(SIDE), seed, first_draw

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, draw: int) -> Scene:
        return self.maker.make(np.random.default_rng((self.seed, self.first_draw + draw)))


@dataclass(frozen=True, slots=True)
class Batch:
    images: Tensor
    """(N, 3, S, S) uint8 RGB."""
    boxes: list[Tensor]
    landmarks: list[Tensor]
    sure: list[Tensor]


def collate(scenes: Sequence[Scene]) -> Batch:
    return Batch(
        torch.stack([to_tensor(scene.image) for scene in scenes]),
        [torch.from_numpy(scene.boxes) for scene in scenes],
        [torch.from_numpy(scene.landmarks) for scene in scenes],
        [torch.from_numpy(scene.sure) for scene in scenes],
    )


@torch.no_grad()
def validate(network: nn.Module, scenes: Sequence[Scene]) -> dict[str, float]:
    """Returns the mean losses over the scenes, and the landmarks' error in percent of the eye distance."""
    network.eval()
    totals, errors = np.zeros(3), []
    for start in range(0, len(scenes), 16):
        batch = collate(scenes[start : start + 16])
        levels = [split(raw) for raw in network(normalise(batch.images))]
        targets = assign(batch.boxes, batch.landmarks, batch.sure, SIDE)
        losses = detection_losses(levels, targets)
        totals += [losses.score.item(), losses.box.item(), losses.landmark.item()]
        for level, target, stride in zip(levels, targets, STRIDES, strict=True):
            wanted = target.landmarks[target.face]
            off = (decode_landmarks(level, stride)[target.face] - wanted).norm(dim=-1).mean(1)
            eyes = (wanted[:, 0] - wanted[:, 1]).norm(dim=-1).clamp(1)
            errors.append(100 * off / eyes)
    network.train()
    score, box, landmark = totals / np.ceil(len(scenes) / 16)
    return {
        "score": round(float(score), 4),
        "box": round(float(box), 4),
        "landmark": round(float(landmark), 4),
        "landmark_error_percent": round(float(torch.cat(errors).median()), 2),
    }


@torch.no_grad()
def settle(network: nn.Module, scenes: Scenes) -> None:
    """Measures the batch norms' statistics anew: averaged weights do not go with the average of the statistics."""
    batches = (range(first, first + 16) for first in range(0, 16 * SETTLE_BATCHES, 16))
    swa_utils.update_bn((normalise(collate([scenes[draw] for draw in batch]).images) for batch in batches), network)


def save(path: Path, network: nn.Module, recipe: DetectorRecipe, seen: int, history: list[dict[str, float]]) -> None:
    weights = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    made = {"recipe": asdict(recipe), "seen": seen, "history": history}
    torch.save({**made, "weights": weights}, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    path.with_suffix(".json").write_text(json.dumps(made, indent=1) + "\n")


def train(recipe: DetectorRecipe, out: Path, start: Path | None = None) -> None:
    torch.manual_seed(recipe.seed)
    cv2.setNumThreads(1)  # the network has the cores
    network = DetectorNetwork()
    seen, history = 0, list[dict[str, float]]()
    if start:
        checkpoint = torch.load(start, weights_only=True)
        network.load_state_dict(checkpoint["weights"])
        seen, history = checkpoint["seen"], checkpoint["history"]
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's overloads
    decay = swa_utils.get_ema_multi_avg_fn(recipe.average_decay)  # type: ignore[no-untyped-call]
    average = swa_utils.AveragedModel(network, multi_avg_fn=decay)
    optimisers = make_optimisers(network, recipe.weight_decay)
    scenes = Scenes(recipe.seed, seen)
    held_out = [scenes.maker.make(np.random.default_rng((HELD_OUT_SEED, n))) for n in range(HELD_OUT_SCENES)]
    loader = DataLoader(scenes, recipe.batch, num_workers=1, prefetch_factor=8, collate_fn=collate)
    started = validated = time.monotonic()
    for step, batch in enumerate(loader):
        progress = min(1.0, (time.monotonic() - started) / 60 / recipe.minutes)
        if progress >= 1 or time.monotonic() - validated > VALIDATE_S:
            validated = time.monotonic()
            settle(average.module, scenes)
            history.append(
                {"scenes": seen, "minutes": round(progress * recipe.minutes, 1), **validate(average.module, held_out)}
            )
            logger.info("held out: %s", history[-1])
            save(out, average.module, recipe, seen, history)
        if progress >= 1:
            return
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = cosine_with_warm_up(recipe.learning_rate, recipe.warm_up, progress)
        with torch.autocast("cpu", torch.bfloat16):
            raw = network(normalise(batch.images))
        losses = detection_losses(
            [split(level) for level in raw], assign(batch.boxes, batch.landmarks, batch.sure, SIDE)
        )
        network.zero_grad(set_to_none=True)
        losses.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        for optimiser in optimisers:
            optimiser.step()
        average.update_parameters(network)
        seen += recipe.batch
        if step % 50 == 0:
            logger.info(
                "step %d scenes %d progress %.3f score %.4f box %.4f landmark %.4f",
                *(step, seen, progress, losses.score.item(), losses.box.item(), losses.landmark.item()),
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="its peak")
    parser.add_argument("--start", type=Path, help="begin from these weights")
    parser.add_argument("--out", type=Path, default=RUNS / "detector.pt")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(DetectorRecipe(args.minutes, learning_rate=args.learning_rate), args.out, args.start)


if __name__ == "__main__":
    main()
