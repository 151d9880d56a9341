"""Who serves: the processor's runtime, until TensorRT is ready, and for good where it cannot be."""

import logging
from pathlib import Path

import numpy as np
import pytest

from engine.errors import GpuMemoryError
from engine.manifests import SHIPPED, find_model
from engine.runtimes import Execution, load_runtime
from engine.runtimes.crops import CROPS, CropInput, CropNetwork, crop_network
from engine.runtimes.tensorrt.choice import with_tensorrt
from engine.runtimes.tensorrt.states import Gpu, TensorRtState, find_gpu

NETWORK = CropNetwork(Path("a.onnx"), CropInput(0, 1, False))
GPU = Gpu("NVIDIA Test", (9, 0), "13.0")
EMBEDDER = next(path.name.removesuffix(".probes.npy") for path in SHIPPED.glob("*.probes.npy"))


class Named:
    input_names = (CROPS,)

    def __init__(self, name):
        self.name = name

    def run(self, inputs):
        return {}


def states(**given):
    return lambda flavour: TensorRtState(flavour, given.get(flavour, "not installed"), "why")


def no_gpu():
    return "no driver", "libcuda.so.1"


def unwanted(*arguments):
    raise AssertionError(f"called with {arguments}")


def choose(asked=False, gpu=lambda: GPU, state=states(), load=unwanted):
    return with_tensorrt(Named("processor"), NETWORK, Path("plans"), asked, gpu, state, load)


def test_without_a_gpu_tensorrt_is_not_even_looked_for():
    assert choose(gpu=no_gpu, state=unwanted).name == "processor"


def test_who_asks_for_tensorrt_is_told_why_not_and_what_to_do(caplog):
    assert choose(asked=True, gpu=no_gpu, state=states(trt="no driver", rtx="not installed")).name == "processor"
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "state='no driver'" in caplog.text
    assert "pip install 'deconvid[tensorrt-rtx]'" in caplog.text


def test_who_does_not_ask_is_not_warned(caplog):
    assert choose(state=states(rtx="GPU not supported")).name == "processor"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("given", "taken"),
    [({"trt": "ready", "rtx": "ready"}, "trt"), ({"trt": "libraries missing", "rtx": "ready"}, "rtx")],
)
def test_the_better_flavour_that_is_ready_is_loaded(given, taken):
    runtime = choose(state=states(**given), load=lambda flavour, network, plans: Named(flavour))
    runtime.maker.join(10)
    runtime.run({CROPS: np.zeros((1, 4, 4, 3), np.uint8)})
    assert runtime.name == taken


def test_a_gpu_without_memory_leaves_the_processor(caplog):
    def load(flavour, network, plans):
        raise GpuMemoryError("the GPU's memory is exhausted")

    runtime = choose(state=states(trt="ready"), load=load)
    runtime.maker.join(10)
    runtime.run({})
    assert runtime.name == "processor"
    assert "memory is exhausted" in caplog.text


@pytest.mark.skipif(isinstance(find_gpu(), Gpu), reason="there is a GPU here")
@pytest.mark.parametrize("preference", ["auto", "tensorrt"])
def test_an_embedder_runs_on_the_processor_where_there_is_no_gpu(preference, tmp_path):
    network = crop_network(find_model(EMBEDDER))
    runtime = load_runtime(network.path, Execution(preference, 1, plans=tmp_path / "plans"), crops=network.input)
    assert runtime.name == "openvino"
    [embeddings] = runtime.run({CROPS: np.zeros((3, 112, 112, 3), np.uint8)}).values()
    assert len(embeddings) == 3
    assert not (tmp_path / "plans").exists()
