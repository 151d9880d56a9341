"""A plan is built once, accepted, used from then on, and built again when it is no good; on a simulated GPU."""

import numpy as np
import onnx
import pytest

from engine.errors import PlanError
from engine.runtimes.crops import CROPS, CropInput, CropNetwork
from engine.runtimes.tensorrt.building import build_accepted, check_again
from engine.runtimes.tensorrt.loading import load_at
from engine.runtimes.tensorrt.network import Network
from engine.runtimes.tensorrt.plans import PlanStore
from engine.runtimes.tensorrt.site import Site
from engine.runtimes.tensorrt.states import Gpu
from tests.engine.runtimes.with_tensorrt.simulated import GpuOf, tensorrt
from tests.engine.runtimes.with_tensorrt.test_tensorrt_runtime import PLAN


@pytest.fixture
def network(tmp_path):
    (tmp_path / "network.onnx").write_bytes(PLAN)
    return CropNetwork(tmp_path / "network.onnx", CropInput(127.5, 127.5, True))


@pytest.fixture
def site(tmp_path):
    return Site(tensorrt(), Gpu("NVIDIA Test", (9, 0), "13.0"), PlanStore(tmp_path / "plans"), GpuOf())


class Compiler:
    """Compiles in this process, what the simulated TensorRT takes for a plan; counts."""

    def __init__(self, site, network, change=lambda model: model):
        self.site, self.network, self.change, self.builds = site, network, change, 0

    def __call__(self):
        build_accepted(self.site, self.network, build=self._build)

    def _build(self, flavour, model, sizes, timings, tell=None):
        self.builds += 1
        return self.change(model).SerializeToString()


def test_a_plan_is_built_once_and_then_used(site, network):
    compiler = Compiler(site, network)
    for _ in range(3):
        runtime = load_at(site, network, compiler)
        assert runtime.run({CROPS: np.zeros((4, 4, 4, 3), np.uint8)})["y"].shape == (4, 5)
    assert compiler.builds == 1
    [record] = site.store.records()
    assert record.least_cosine == pytest.approx(1, abs=1e-5)


def test_a_plan_for_another_gpu_is_not_used(site, network):
    load_at(site, network, Compiler(site, network))
    other = Site(site.flavour, Gpu("NVIDIA Other", (8, 9), "13.0"), site.store, site.memory)
    compiler = Compiler(other, network)
    load_at(other, network, compiler)
    assert compiler.builds == 1
    assert len(site.store.records()) == 2


def test_a_plan_that_computes_something_else_is_never_stored(site, network):
    def negated_in_part(model):
        [tensor] = [tensor for tensor in model.graph.initializer if tensor.name == "w"]
        weights = onnx.numpy_helper.to_array(tensor).copy()
        weights[:, 0] *= -1
        tensor.CopyFrom(onnx.numpy_helper.from_array(weights, "w"))
        return model

    with pytest.raises(PlanError, match="not those of the processor"):
        load_at(site, network, Compiler(site, network, negated_in_part))
    assert site.store.records() == []


def test_a_damaged_plan_is_built_again(site, network):
    compiler = Compiler(site, network)
    load_at(site, network, compiler)
    [plan] = site.store.folder.glob("*.plan")
    plan.write_bytes(b"rubbish")
    load_at(site, network, compiler)
    assert compiler.builds == 2


def test_a_plan_that_tensorrt_refuses_is_built_again(site, network):
    site.store.write(site.key(Network.read(network)), b"sound file, no plan", 1.0, 1.0)
    compiler = Compiler(site, network)
    load_at(site, network, compiler)
    assert compiler.builds == 1


def test_a_build_that_leaves_nothing_is_an_error(site, network):
    with pytest.raises(PlanError, match="vanished"):
        load_at(site, network, lambda: None)


def test_a_second_builder_finds_what_the_first_built(site, network):
    compiler = Compiler(site, network)
    compiler()
    compiler()
    assert compiler.builds == 1


def test_a_stored_plan_can_be_checked_again(site, network):
    with pytest.raises(PlanError, match="no plan"):
        check_again(site, network)
    Compiler(site, network)()
    assert check_again(site, network) == pytest.approx(1, abs=1e-5)
