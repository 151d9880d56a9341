"""The networks that ship compute what PyTorch computed when they were exported, on every runtime."""

import numpy as np
import pytest

from engine.embedder import Embedder
from engine.manifests import SHIPPED, find_model
from engine.probes import probe_crops

LEAST_COSINE = 0.9999
"""Weights are stored in FP16 on both sides; the rest is FP32."""

EMBEDDERS = sorted(path.name.removesuffix(".probes.npy") for path in SHIPPED.glob("*.probes.npy"))


def test_every_shipped_network_has_recorded_embeddings():
    assert sorted(path.stem for path in SHIPPED.glob("*.onnx")) == EMBEDDERS
    assert EMBEDDERS


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("name", EMBEDDERS)
def test_a_shipped_network_computes_what_was_recorded(name, runtime):
    recorded = np.load(SHIPPED / f"{name}.probes.npy")
    embeddings = Embedder.load(find_model(name), runtime, threads=1).embed(probe_crops())
    assert (embeddings * recorded).sum(axis=1).min() > LEAST_COSINE


@pytest.mark.parametrize("name", EMBEDDERS)
def test_the_recorded_embeddings_tell_the_probes_apart(name):
    recorded = np.load(SHIPPED / f"{name}.probes.npy")
    cosines = recorded @ recorded.T
    assert cosines[~np.eye(len(cosines), dtype=bool)].max() < LEAST_COSINE - 0.001
