"""A training run, whatever is learnt: its pace, its running average, and how it survives being killed.

Every few minutes the weights' running average is scored on what training never sees, and saved. A run that was killed
goes on where it was when the same command is given again.
"""

import argparse
import csv
import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import swa_utils

from training.checkpoints import Progress, load_run, load_weights, save_run, save_weights, sha256_of
from training.optimisers import cosine_with_warm_up, make_optimisers
from training.paths import RUNS
from training.recipe import Recipe, TrainingError

logger = logging.getLogger(__name__)

LOG_STEPS = 50
LARGEST_GRADIENT = 5.0

Batch = TypeVar("Batch")
AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run begins, where it happens and where it ends: what no recipe says."""

    out: Path
    """Where the averaged weights go; the run's state lies beside it, as `.run`, until the run is finished."""
    start: Path | None = None
    """Weights to begin from."""
    device: str = "cpu"
    """Or `cuda`."""
    workers: int = 1
    """Processes that make samples."""


class Run(ABC, Generic[Batch]):
    """What to learn is a subclass's: it gives batches, their loss, and a score.

    Args:
        recipe: what to do.
        network: what learns, not trained yet.
        place: where.
    """

    def __init__(self, recipe: Recipe, network: nn.Module, place: Place) -> None:
        if place.start and place.start.resolve() == place.out.resolve():
            raise TrainingError(f"{place.out}: is what the run starts from, and would be lost. Give another --out")
        self._recipe, self._out, self._state_file = recipe, place.out, place.out.with_suffix(".run")
        self.device, self.workers = torch.device(place.device), place.workers
        torch.backends.cudnn.benchmark = True  # every batch has one shape
        self._progress = load_weights(place.start, network) if place.start else Progress()
        self._start = sha256_of(place.start) if place.start else None
        to: Any = network.to  # this overload is missing from torch's stub
        self.network: nn.Module = to(self.device, memory_format=torch.channels_last)
        decay = swa_utils.get_ema_multi_avg_fn(recipe.average_decay)  # type: ignore[no-untyped-call]
        self._average = swa_utils.AveragedModel(self.network, multi_avg_fn=decay, use_buffers=True)
        self._optimisers = make_optimisers(self.network, recipe.weight_decay)
        if state := load_run(self._state_file, recipe, self._start):
            self._take_up(state)

    @property
    def seen(self) -> int:
        """Samples behind the weights, those of earlier runs included."""
        return self._progress.samples_before + self._progress.samples

    @abstractmethod
    def batches(self, first: int) -> Iterable[Batch]:
        """Returns endless batches; `first` samples were drawn before."""

    @abstractmethod
    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns what to make small, and figures to show."""

    @abstractmethod
    def score(self, average: nn.Module) -> dict[str, float]:
        """Returns what the averaged network is worth on samples that are held out."""

    def finish(self) -> Progress:
        """Trains to the end of the recipe.

        Raises:
            TrainingError: a loss or a score is no number, or nothing can be written; what was saved before stays.
        """
        figures: dict[str, Tensor] = {}
        resumed_s, minutes_before = time.monotonic(), self._progress.minutes
        scored_s = resumed_s
        for batch in self.batches(self.seen):
            now_s = time.monotonic()
            self._progress.minutes = minutes_before + (now_s - resumed_s) / 60
            share = self._recipe.progress(self._progress.samples, self._progress.minutes)
            if share >= 1 or now_s - scored_s > self._recipe.validate_every_s:
                scored_s = now_s
                self._score_and_save(figures)
            if share >= 1:
                break
            figures = self._step(batch, share)
            if self._progress.samples // self._recipe.batch % LOG_STEPS == 0:
                self._log(figures, share)
            self._progress.samples += self._recipe.batch
        self._state_file.unlink(missing_ok=True)
        return self._progress

    def _step(self, batch: Batch, share: float) -> dict[str, Tensor]:
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = cosine_with_warm_up(self._recipe.learning_rate, self._recipe.warm_up, share)
        loss, figures = self.loss(batch)
        self.network.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        for optimiser in self._optimisers:
            optimiser.step()
        self._average.update_parameters(self.network)
        return {"loss": loss.detach(), **figures}

    def _log(self, figures: dict[str, Tensor], share: float) -> None:
        values = _rounded(figures)
        self._demand_numbers(values)
        left = self._progress.minutes * (1 - share) / share if share else math.nan
        logger.info("seen %d, %.1f %%, %.0f min left: %s", self.seen, 100 * share, left, values)
        self._append_metrics({"seen": self.seen, "minutes": round(self._progress.minutes, 2), **values})

    def _append_metrics(self, row: dict[str, float]) -> None:
        """One line of a table, as spreadsheets read it.

        A table with other columns is of a run whose weights this one replaces too, so that it begins anew.
        """
        path = self._out.with_suffix(".csv")
        self._out.parent.mkdir(parents=True, exist_ok=True)
        goes_on = path.exists() and _columns(path) == list(row)
        with path.open("a" if goes_on else "w", newline="") as table:
            writer = csv.DictWriter(table, row.keys())
            if not goes_on:
                writer.writeheader()
            writer.writerow(row)

    def _demand_numbers(self, values: Mapping[str, float]) -> None:
        if not all(map(math.isfinite, values.values())):
            raise TrainingError(
                f"{self._out}: what is learnt is no number any more ({dict(values)}). Go on from what was saved before"
                " (--start, another --out) at a lower learning_rate"
            )

    def _score_and_save(self, figures: Mapping[str, Tensor]) -> None:
        """Args: figures: of the last step, of which most are not logged."""
        self._demand_numbers(_rounded(figures))
        progress, average = self._progress, self._average.module
        average.eval()
        scores = self.score(average)
        self._demand_numbers(scores)
        progress.history = [
            *(progress.history or []),
            {"seen": self.seen, "minutes": round(progress.minutes, 1), **scores},
        ]
        logger.info("held out: %s", progress.history[-1])
        save_weights(self._out, average, self._recipe, progress)
        save_run(self._state_file, self._state())

    def _state(self) -> dict[str, Any]:
        return {
            "recipe": self._recipe.as_dict(),
            "start": self._start,
            "network": self.network.state_dict(),
            "average": self._average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "progress": self._progress.as_dict(),
        }

    def _take_up(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        for optimiser, saved in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self._progress = Progress(**state["progress"])
        logger.info("taken up at %d, %.1f minutes", self._progress.samples, self._progress.minutes)


def _rounded(figures: Mapping[str, Tensor]) -> dict[str, float]:
    return {name: round(figure.item(), 4) for name, figure in figures.items()}


def _columns(path: Path) -> list[str]:
    """Returns the first line of a table."""
    with path.open(newline="") as table:
        return next(csv.reader(table), [])


def start_run(
    path: Path,
    recipe_type: type[AnyRecipe],
    make_run: Callable[[AnyRecipe, Place], Run[Any]],
    *,
    samples: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    start: Path | None = None,
    out: Path | None = None,
    device: str | None = None,
    workers: int = 1,
) -> None:
    """Does what a recipe's file says, with what is given in its place.

    Raises:
        TrainingError: the recipe is wrong, or the run cannot start or go on.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    given: dict[str, Any] = {"samples": samples, "minutes": minutes, "seed": seed}
    recipe = replace(recipe_type.read(path), **{key: value for key, value in given.items() if value is not None})
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    place = Place(out=out or RUNS / f"{path.stem}.pt", start=start, device=device, workers=workers)
    make_run(recipe, place).finish()


def run_command(
    description: str | None, recipe_type: type[AnyRecipe], make_run: Callable[[AnyRecipe, Place], Run[Any]]
) -> None:
    """The command line of all runs, where there is no Typer; see training/cli.py."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--samples", type=int, help="in place of the recipe's")
    parser.add_argument("--minutes", type=float, help="in place of the recipe's")
    parser.add_argument("--seed", type=int, help="in place of the recipe's")
    parser.add_argument("--start", type=Path, help="begin from these weights")
    parser.add_argument("--out", type=Path, help="where the weights go; unset: runs/RECIPE.pt")
    parser.add_argument("--device", help="cpu or cuda; unset: the GPU, if there is one")
    parser.add_argument("--workers", type=int, default=1, help="processes that make samples")
    options = vars(parser.parse_args())
    try:
        start_run(options.pop("recipe"), recipe_type, make_run, **options)
    except TrainingError as error:
        raise SystemExit(f"error: {error}") from None
