"""`deconvid train`, `eval` and `export` say what is wrong, and which run a recipe means."""

import pytest
import torch
from typer.testing import CliRunner

from daemon.cli import app
from training.evaluation.lfw import read_pairs
from training.recipe import TrainingError


def deconvid(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ('network = "deconv_v2"\n', "neither samples nor minutes"),
        (
            'network = "deconv_v2"\nminutes = 1\nlandmark_weight = 1\n',
            "landmark_weight is not a setting",
        ),  # a detector's
        ('network = "finder_v1"\nminutes = 1\ngiven_faces = 1\n', "given_faces is not a setting"),  # an embedder's
        ('network = "resnet"\nminutes = 1\n', "network is none of"),
        ("network =", "is not TOML"),
    ],
)
def test_a_recipe_is_read_as_of_the_network_that_it_names(tmp_path, recipe, told):
    path = tmp_path / "recipe.toml"
    path.write_text(recipe)
    code, output = deconvid("train", path)
    assert (code, told in output) == (1, True), output
    assert output.startswith(f"error: {path}")


def test_only_weights_are_exported(tmp_path):
    torch.save({"recipe": {}, "network": {}}, tmp_path / "a.run")
    code, output = deconvid("export", tmp_path / "a.run", tmp_path / "a")
    assert (code, "has no history, seen, weights" in output) == (1, True)
    assert not (tmp_path / "a.toml").exists()


def test_an_evaluation_without_its_pictures_is_told(tmp_path):
    with pytest.raises(TrainingError, match="Set DECONVID_SHARED"):
        read_pairs(tmp_path / "pairs.txt")
