"""What only a GPU can show. Runs where a TensorRT flavour is ready, with numpy, onnx and onnxruntime alone:

python -m pytest --noconftest -c /dev/null --rootdir . tests/engine/runtimes/with_tensorrt/test_on_gpu.py
"""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelError
from engine.runtimes.crops import CROPS, CropInput, CropNetwork, CropRuntime
from engine.runtimes.onnxruntime import OnnxRuntime
from engine.runtimes.swapping import SwappingRuntime
from engine.runtimes.tensorrt.acceptance import LEAST_COSINE
from engine.runtimes.tensorrt.states import EVERY_FLAVOUR, find_state

STATES = [find_state(flavour) for flavour in EVERY_FLAVOUR]
READY = next((state.flavour for state in STATES if state.state == "ready"), None)
pytestmark = pytest.mark.skipif(READY is None, reason=f"TensorRT is not ready: {[state.state for state in STATES]}")

MODELS = Path(__file__).parents[4] / "engine/models"
[FILE] = [path.with_name(path.name.replace(".probes.npy", ".onnx")) for path in MODELS.glob("*.probes.npy")]
NETWORK = CropNetwork(FILE, CropInput(127.5, 127.5, True))


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    return tmp_path_factory.mktemp("plans")


@pytest.fixture(scope="module")
def on_gpu(plans):
    from engine.runtimes.tensorrt.loading import load_tensorrt

    return load_tensorrt(READY, NETWORK, plans)


@pytest.fixture(scope="module")
def reference():
    return CropRuntime(OnnxRuntime(NETWORK.path, 4), NETWORK.input)


def crops(rows):
    return {CROPS: np.random.default_rng(rows).integers(0, 256, (rows, 112, 112, 3), np.uint8)}


@pytest.mark.parametrize("rows", [0, 1, 2, 7, 8, 31, 100, 128, 129, 300])
def test_every_batch_is_embedded_like_on_the_processor(on_gpu, reference, rows):
    [given] = on_gpu.run(crops(rows)).values()
    assert given.shape[0] == rows
    if rows:
        [wanted] = reference.run(crops(rows)).values()
        assert (given * wanted).sum(axis=1).min() >= LEAST_COSINE


def test_a_later_batch_leaves_earlier_outputs_alone(on_gpu):
    [first] = on_gpu.run(crops(8)).values()
    kept = first.copy()
    on_gpu.run(crops(8 + 1))
    assert (first == kept).all()


def test_crops_of_another_shape_are_refused(on_gpu):
    with pytest.raises(ModelError, match="must be uint8"):
        on_gpu.run({CROPS: np.zeros((2, 96, 112, 3), np.uint8)})


def test_a_stored_plan_starts_without_a_build(on_gpu, plans):
    from engine.runtimes.tensorrt.loading import load_tensorrt

    before = {path.name: path.stat().st_mtime_ns for path in plans.glob("*.plan")}
    assert before
    load_tensorrt(READY, NETWORK, plans).run(crops(3))
    assert before == {path.name: path.stat().st_mtime_ns for path in plans.glob("*.plan")}


def test_the_processor_serves_until_the_plan_is_loaded(on_gpu, reference, plans):
    from engine.runtimes.tensorrt.loading import load_tensorrt

    [wanted] = reference.run(crops(4)).values()
    runtime = SwappingRuntime(reference, lambda: load_tensorrt(READY, NETWORK, plans))
    served = set()
    while "tensorrt" not in served:
        [given] = runtime.run(crops(4)).values()
        assert (given * wanted).sum(axis=1).min() >= LEAST_COSINE
        served.add(runtime.name)
        if not runtime.maker.is_alive():
            runtime.run(crops(4))
            assert runtime.name == "tensorrt"
