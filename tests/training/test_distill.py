import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from tests.rig.full_disk import files_of_at_most
from training.checkpoints import Progress, load_run, load_weights, save_run, save_weights
from training.distill import Distillation, DistillRecipe, hold, with_features_given
from training.networks import NETWORKS
from training.optimisers import cosine_with_warm_up, make_optimisers
from training.paths import REPOSITORY, SHARED
from training.recipe import TrainingError
from training.run import Place

RECIPES = REPOSITORY / "training" / "recipes"
needs_faces = pytest.mark.skipif(not (SHARED / "data" / "fairface112").is_dir(), reason="FairFace is not at hand")
RECIPE = DistillRecipe(network="deconv_v2_xs", samples=1000)


def test_the_learning_rate_rises_then_falls_to_almost_nothing():
    rates = [cosine_with_warm_up(2.0, 0.03, progress) for progress in (0.0, 0.03, 0.5, 1.0)]
    assert rates[0] == 0
    assert rates[1] == pytest.approx(2.0, rel=0.01)
    assert rates[1] > rates[2] > rates[3] > 0
    assert rates[3] == pytest.approx(0.002)


def test_a_run_ends_by_faces_or_by_the_clock():
    recipe = DistillRecipe(network="deconv_v2", samples=1000, minutes=10)
    assert recipe.progress(500, 1) == 0.5
    assert recipe.progress(100, 9) == 0.9
    assert recipe.progress(2000, 1) == 1


@pytest.mark.parametrize("which", ["", "_path"])
@pytest.mark.parametrize("twin", ["plain_v2", "unpool_v2"])
def test_the_twins_recipes_differ_in_the_network_alone(twin, which):
    ours, theirs = (DistillRecipe.read(RECIPES / f"{name}{which}.toml") for name in ("deconv_v2", twin))
    assert (ours.network, theirs.network) == ("deconv_v2", twin)
    assert replace(theirs, network="deconv_v2") == ours


def test_a_recipe_tells_every_fault(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('network = "resnet"\nbatch = 1\nlerning_rate = 1.0\nseed = 0.5\nwarm_up = "long"\n')
    with pytest.raises(TrainingError) as caught:
        DistillRecipe.read(path)
    told = ("network", "deconv_v2", "batch", "lerning_rate", "seed", "warm_up", "samples nor minutes")
    assert [word for word in told if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        (replace(RECIPE, held_stages=5), "--start"),
        (replace(RECIPE, network="trunk_v2_xs", embedding_weight=0), "trunk_v2_xs has no path"),
    ],
)
def test_what_could_teach_nothing_is_refused(tmp_path, recipe, told):
    with pytest.raises(TrainingError, match=told):
        Distillation(recipe, Place(out=tmp_path / "x.pt"))


def test_what_is_easy_comes_first():
    recipe = replace(RECIPE, given_faces=100, clean_faces=1000, clean_share=0.4)
    shares = [recipe.clean_share_at(seen) for seen in (0, 99, 500, 1000, 10**7)]
    assert shares == pytest.approx([1, 1, 0.7, 0.4, 0.4])


def test_a_stage_that_is_given_its_input_does_not_depend_on_the_stages_before():
    torch.manual_seed(0)
    network = NETWORKS["trunk_v2_xs"]().eval()
    faces = torch.randn(2, 3, 112, 112)
    features = [faces]
    with torch.no_grad():
        for stage in network.stages:
            features.append(stage(features[-1]))
        # Given its own features, the network says what it says by itself.
        again, same = with_features_given(network, faces, features[1:])
        assert torch.allclose(again, network(faces)[0], atol=1e-6)
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(same, features[1:], strict=True))
        given = [torch.randn_like(feature) for feature in features[1:]]
        other, by_stage = with_features_given(network, torch.zeros_like(faces), given)
        assert torch.allclose(by_stage[1], network.stages[1](given[0]))
        assert torch.allclose(by_stage[-1], network.stages[-1](given[-2]))
        assert torch.allclose(other, network.embed(given[-1]))


def test_behind_stages_that_are_held_the_path_learns_alone():
    torch.manual_seed(0)
    network = NETWORKS["deconv_v2_xs"]().to(memory_format=torch.channels_last).train()
    optimisers = make_optimisers(network, 0.02)
    for group in (group for optimiser in optimisers for group in optimiser.param_groups):
        group["lr"] = 2e-3
    hold(network.stages)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for _ in range(3):  # of a silent path only the last norm gets a gradient at first
        network.zero_grad()
        network.mend(torch.randn(2, 3, 112, 112)).square().mean().backward()
        for optimiser in optimisers:
            optimiser.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.startswith("path.")}


def test_both_optimisers_make_progress_and_share_the_weights_memory():
    torch.manual_seed(0)
    network = NETWORKS["deconv_v2_xs"]().to(memory_format=torch.channels_last)
    optimisers = make_optimisers(network, 0.02)
    for group in (group for optimiser in optimisers for group in optimiser.param_groups):
        group["lr"] = 2e-3
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    faces, targets = torch.randn(8, 3, 112, 112), torch.nn.functional.normalize(torch.randn(8, 128), dim=1)
    losses = []
    for _ in range(4):
        embeddings, mended = network(faces)
        loss = 1 - (embeddings * targets).sum(1).mean() + network.restore(mended).square().mean()
        losses.append(loss.item())
        network.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
    assert losses[-1] < losses[0]
    assert [name for name, weight in network.named_parameters() if torch.equal(weight, before[name])] == []


def test_weights_come_back_as_they_were_saved(tmp_path):
    saved, loaded = (NETWORKS["deconv_v2_xs"]() for _ in range(2))
    save_weights(tmp_path / "a.pt", saved, RECIPE, Progress(samples=500, samples_before=200, history=[]))
    progress = load_weights(tmp_path / "a.pt", loaded)
    assert progress.samples_before == 700
    assert all(torch.equal(a.half(), b.half()) for a, b in zip(saved.parameters(), loaded.parameters(), strict=True))


def test_what_a_network_has_more_than_its_start_begins_untrained(tmp_path):
    trunk, network = NETWORKS["trunk_v2_xs"](), NETWORKS["deconv_v2_xs"]()
    before = [weight.clone() for weight in network.path.parameters()]
    save_weights(tmp_path / "a.pt", trunk, RECIPE, Progress(samples=500, history=[]))
    assert load_weights(tmp_path / "a.pt", network).samples_before == 500
    assert torch.equal(network.stages[3].body[0].weight.half(), trunk.stages[3].body[0].weight.half())
    assert all(torch.equal(a, b) for a, b in zip(before, network.path.parameters(), strict=True))


def test_weights_of_another_network_are_refused(tmp_path):
    save_weights(tmp_path / "a.pt", NETWORKS["deconv_v2_xs"](), RECIPE, Progress(history=[]))
    with pytest.raises(TrainingError, match="deconv_v2_xs"):
        load_weights(tmp_path / "a.pt", NETWORKS["plain_v2"]())


def test_a_damaged_checkpoint_is_told(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(TrainingError, match="damaged"):
        load_weights(tmp_path / "a.pt", NETWORKS["deconv_v2_xs"]())


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path):
    path = tmp_path / "a.pt"
    save_run(path, {"recipe": RECIPE.as_dict()})
    with files_of_at_most(10_000), pytest.raises(TrainingError, match="cannot be written"):
        save_run(path, {"recipe": None, "network": torch.zeros(10_000)})
    assert load_run(path, RECIPE) == {"recipe": RECIPE.as_dict()}
    assert [each.name for each in tmp_path.iterdir()] == ["a.pt"]


def test_a_run_of_another_recipe_is_not_taken_up(tmp_path):
    save_run(tmp_path / "a.run", {"recipe": RECIPE.as_dict()})
    with pytest.raises(TrainingError, match="another recipe"):
        load_run(tmp_path / "a.run", replace(RECIPE, seed=2))


@pytest.mark.slow
@pytest.mark.timeout(600)
@needs_faces
def test_a_killed_run_goes_on(tmp_path):
    recipe, out = tmp_path / "tiny.toml", tmp_path / "tiny.pt"
    recipe.write_text('network = "deconv_v2_xs"\nsamples = 1024\nbatch = 32\nvalidate_every_s = 1\n')
    command = [sys.executable, "-m", "training.distill", str(recipe), "--out", str(out)]
    first = subprocess.Popen(command)
    while not out.with_suffix(".run").exists():
        assert first.poll() is None
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "taken up at" in second.stderr
    assert not out.with_suffix(".run").exists()
    assert load_weights(out, NETWORKS["deconv_v2_xs"]()).samples_before == 1024
