"""The networks that ship compute what PyTorch computed when they were exported, on every runtime."""

import numpy as np
import pytest

from engine.embedder import Embedder
from engine.landmarks import VIEW_PX
from engine.manifests import SHIPPED, find_model
from engine.probes import probe_crops, probe_picture
from engine.runtimes import Execution, Preference, load_runtime

LEAST_COSINE, AGREE = 0.9999, 0.05
"""Weights are stored in FP16 on both sides; the rest is FP32. Logits and shifts are of the order of one to ten."""

RUNTIMES: list[Preference] = ["openvino", "onnxruntime"]
SHIPPED_SPECS = [find_model(path.stem) for path in sorted(SHIPPED.glob("*.onnx"))]
EMBEDDERS = [spec.name for spec in SHIPPED_SPECS if spec.task == "embedder"]
DETECTORS = [spec.name for spec in SHIPPED_SPECS if spec.task == "detector"]
PLACERS = [spec.name for spec in SHIPPED_SPECS if spec.task == "landmarks"]


def recorded_of(name):
    return np.load(SHIPPED / f"{name}.recorded.npy")


def computed(name, pictures, runtime):
    """What a runtime gives for pictures, (N, H, W, 3) BGR, all outputs in one row."""
    spec = find_model(name)
    blob = (pictures[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) - spec.mean) / spec.std
    loaded = load_runtime(spec.verified_path(), Execution(runtime, 1))
    outputs = loaded.run({loaded.input_names[0]: np.ascontiguousarray(blob, np.float32)})
    return np.concatenate([output.reshape(-1) for output in outputs.values()])


def test_every_task_has_a_shipped_network():
    assert EMBEDDERS
    assert DETECTORS
    assert PLACERS


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", DETECTORS)
def test_a_shipped_detector_computes_what_was_recorded(name, runtime):
    found = computed(name, probe_picture()[None], runtime)
    assert np.allclose(found, recorded_of(name), atol=AGREE)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", PLACERS)
def test_a_shipped_placer_computes_what_was_recorded(name, runtime):
    views = probe_crops()[:, :VIEW_PX, :VIEW_PX]
    assert np.allclose(computed(name, views, runtime), recorded_of(name).reshape(-1), atol=AGREE)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", EMBEDDERS)
def test_a_shipped_network_computes_what_was_recorded(name, runtime):
    recorded = np.load(SHIPPED / f"{name}.probes.npy")
    embeddings = Embedder.load(find_model(name), Execution(runtime, 1)).embed(probe_crops())
    assert (embeddings * recorded).sum(axis=1).min() > LEAST_COSINE


@pytest.mark.parametrize("name", EMBEDDERS)
def test_the_recorded_embeddings_tell_the_probes_apart(name):
    recorded = np.load(SHIPPED / f"{name}.probes.npy")
    cosines = recorded @ recorded.T
    assert cosines[~np.eye(len(cosines), dtype=bool)].max() < LEAST_COSINE - 0.001
