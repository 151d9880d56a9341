import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from engine.impostors import ImpostorTail, ImpostorTails, LookTails
from engine.manifests import ModelSpec
from training.evaluation.tails import fit_tail, fused_walk, look_tails
from training.evaluation.walks import walk
from training.fit_tails import with_tails

SHIPPED = Path("engine/models/deconv_v2.toml")
TAIL = ImpostorTail(above=0.1, share=0.02, scale=0.2, shape=-0.3)


def test_the_fit_finds_the_tail_that_the_scores_were_drawn_from():
    excess = stats.genpareto.rvs(-0.2, scale=0.06, size=40_000, random_state=3)
    scores = np.concatenate([np.random.default_rng(3).uniform(-0.2, 0.4, 1_960_000), 0.4 + excess]).astype(np.float32)
    tail = fit_tail(scores, share=0.02)
    assert (tail.above, tail.scale, tail.shape) == pytest.approx((0.4, 0.06, -0.2), abs=0.02)
    true = ImpostorTail(above=0.4, share=0.02, scale=0.06, shape=-0.2)
    for rate in (1e-3, 1e-5, 1e-7):
        assert tail.cosine(rate) == pytest.approx(true.cosine(rate), abs=0.01)


def test_only_pairs_that_count_make_a_tail():
    vectors = np.random.default_rng(5).normal(size=(400, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    everybody = ~np.eye(400, dtype=bool)
    unlike = everybody & (vectors @ vectors.T < 0.5)
    assert look_tails(vectors, vectors, unlike).photos.cosine(1e-6) < 0.55
    assert look_tails(vectors, vectors, everybody).photos.cosine(1e-6) > 0.6


@pytest.mark.parametrize("anybody", [None, LookTails(track=TAIL, photos=TAIL)])
def test_tails_are_written_into_a_manifest_once_and_nothing_else_changes(anybody):
    tails = ImpostorTails(track=TAIL, photos=TAIL, tracks=TAIL, anybody=anybody)
    manifest = SHIPPED.read_text()
    once = with_tails(manifest, tails)
    assert with_tails(once, tails) == once
    before, after = tomllib.loads(manifest), tomllib.loads(once)
    assert after.pop("impostors") == tails.model_dump(exclude_none=True)
    before.pop("impostors")
    assert before == after


def test_the_shipped_embedder_has_tails_that_agree_with_its_threshold():
    spec = ModelSpec.read(SHIPPED)
    assert spec.impostors
    assert spec.impostors.track.cosine(1e-4) == pytest.approx(spec.threshold, abs=0.04)


@pytest.mark.parametrize("rate", [0.02, 1e-3, 1e-4, 1e-5, 1e-6])
def test_the_shipped_embedder_finds_people_at_large_less_alike_than_those_of_a_group(rate):
    tails = ModelSpec.read(SHIPPED).impostors
    assert tails
    assert tails.anybody
    assert tails.anybody.track.cosine(rate) < tails.track.cosine(rate)
    assert tails.anybody.photos.cosine(rate) < tails.photos.cosine(rate)


def test_a_walk_is_the_same_for_the_same_seed_and_comes_nearer():
    crop = np.random.default_rng(1).integers(0, 256, (112, 112, 3), np.uint8)
    first, second = (walk([crop], np.random.default_rng(7), looks=8) for _ in range(2))
    assert np.array_equal(first.crops, second.crops)
    assert first.crops.shape == (8, 112, 112, 3)
    assert first.sides[-2:].mean() > first.sides[:2].mean()
    assert all(0 < value <= 1 for value in first.quality().values)


def test_a_fused_walk_is_an_embedding():
    crop = np.random.default_rng(1).integers(0, 256, (112, 112, 3), np.uint8)
    fused = fused_walk(lambda crops: np.eye(8, dtype=np.float32)[: len(crops)], [crop], (1, 2))
    assert np.linalg.norm(fused) == pytest.approx(1, abs=1e-5)
