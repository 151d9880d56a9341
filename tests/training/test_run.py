"""A run is kept from saving what is no number, and from going on from somewhere else."""

import csv
import itertools
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.checkpoints import Progress, save_weights
from training.recipe import Recipe, TrainingError
from training.run import Place, Run, start_run


class LineRecipe(Recipe):
    NETWORKS = ("line",)


RECIPE = LineRecipe(network="line", samples=20, batch=2, validate_every_s=0)
SELDOM = replace(RECIPE, validate_every_s=math.inf)
"""Scores and saves at the end alone."""


def line(seed: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 2, 1))


class Line(Run[Tensor]):
    """Learns to give 0. From so many samples on its loss, or its score, is no number."""

    def __init__(self, recipe: Recipe, place: Place, diverges_at: float = math.inf, worthless_at: float = math.inf):
        super().__init__(recipe, line(), place)
        self._diverges_at, self._worthless_at = diverges_at, worthless_at

    def batches(self, first: int) -> Iterable[Tensor]:
        return itertools.repeat(torch.ones(2, 4, 1, 1))

    def loss(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        loss = self.network(batch).square().mean()
        return (loss * math.nan if self.seen >= self._diverges_at else loss), {}

    def score(self, average: nn.Module) -> dict[str, float]:
        return {"score": math.nan if self.seen >= self._worthless_at else 0.5}


def assert_finite(state: Any) -> None:
    if isinstance(state, Tensor):
        assert state.isfinite().all()
    elif isinstance(state, dict | list):
        for each in state.values() if isinstance(state, dict) else state:
            assert_finite(each)


@pytest.mark.parametrize("fault", [{"diverges_at": 6}, {"worthless_at": 8}], ids=["loss", "score"])
def test_a_run_that_diverges_between_two_logs_leaves_what_was_saved_before(tmp_path: Path, fault: dict) -> None:
    out = tmp_path / "line.1.pt"
    with pytest.raises(TrainingError, match="no number any more"):
        Line(RECIPE, Place(out=out), **fault).finish()
    saved, state = (torch.load(path, weights_only=True) for path in (out, tmp_path / "line.1.run"))
    assert (saved["seen"], state["progress"]["samples"]) == (6, 6)
    assert_finite(saved)
    assert_finite(state)


@pytest.mark.parametrize("fault", [{"diverges_at": 18}, {"worthless_at": 20}], ids=["loss", "score"])
def test_a_run_whose_last_step_diverges_is_no_success(tmp_path: Path, fault: dict) -> None:
    out = tmp_path / "line.pt"
    out.write_bytes(b"the last good one")
    with pytest.raises(TrainingError, match="no number any more"):
        Line(SELDOM, Place(out=out), **fault).finish()
    assert out.read_bytes() == b"the last good one"


def stopped(tmp_path: Path, start: Path | None) -> Place:
    """Returns where a run stopped after six samples."""
    place = Place(out=tmp_path / "line.pt", start=start)
    with pytest.raises(TrainingError):
        Line(RECIPE, place, diverges_at=6).finish()
    return place


def start_at(path: Path, seed: int) -> Path:
    save_weights(path, line(seed), RECIPE, Progress(history=[]))
    return path


def test_a_run_goes_on_from_its_own_start_alone(tmp_path: Path) -> None:
    place = stopped(tmp_path, start_at(tmp_path / "start.pt", seed=2))
    assert Line(RECIPE, place).seen == 6
    with pytest.raises(TrainingError, match=r"line.run: is of a run with another --start.*delete.*another --out"):
        Line(RECIPE, replace(place, start=None))
    start_at(tmp_path / "start.pt", seed=3)  # another file under the same name
    with pytest.raises(TrainingError, match="another --start"):
        Line(RECIPE, place)
    assert Line(RECIPE, replace(place, out=tmp_path / "other.pt")).seen == 0


def test_a_run_from_nothing_is_not_taken_up_with_a_start(tmp_path: Path) -> None:
    place = stopped(tmp_path, None)
    assert Line(RECIPE, place).seen == 6
    with pytest.raises(TrainingError, match="another --start"):
        Line(RECIPE, replace(place, start=start_at(tmp_path / "start.pt", seed=2)))


def test_a_run_does_not_write_over_its_start(tmp_path: Path) -> None:
    start = start_at(tmp_path / "line.pt", seed=2)
    with pytest.raises(TrainingError, match="Give another --out"):
        Line(RECIPE, Place(out=tmp_path / "." / "line.pt", start=start))


def test_recipes_of_one_network_write_to_places_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.run.RUNS", tmp_path)
    for name in ("line", "line_far"):
        recipe = tmp_path / f"{name}.toml"
        recipe.write_text('network = "line"\nsamples = 4\nbatch = 2\n')
        start_run(recipe, LineRecipe, Line, device="cpu")
    assert {path.name for path in tmp_path.glob("*.pt")} == {"line.pt", "line_far.pt"}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as table:
        return list(csv.DictReader(table))


def test_a_table_goes_on_with_the_same_columns_and_begins_anew_with_others(tmp_path: Path) -> None:
    table = tmp_path / "line.csv"
    table.write_text("seen,minutes,stages\n1,2,3\n")
    for count in (1, 2):
        Line(SELDOM, Place(out=tmp_path / "line.pt")).finish()
        assert [list(row) for row in rows(table)] == [["seen", "minutes", "loss"]] * count
