"""A plan is built once, accepted, used from then on, and built again when it is no good; on a simulated GPU."""

import onnx
import pytest

from engine.errors import PlanError
from engine.runtimes.tensorrt.building import build_accepted, check_again
from engine.runtimes.tensorrt.loading import load_at
from engine.runtimes.tensorrt.network import Network
from engine.runtimes.tensorrt.plans import PlanStore
from engine.runtimes.tensorrt.site import Site
from engine.runtimes.tensorrt.states import Gpu
from tests.engine.runtimes.with_tensorrt.simulated import GpuOf, tensorrt
from tests.engine.runtimes.with_tensorrt.test_tensorrt_runtime import PLAN, pictures


@pytest.fixture
def path(tmp_path):
    (tmp_path / "network.onnx").write_bytes(PLAN)
    return tmp_path / "network.onnx"


@pytest.fixture
def site(tmp_path):
    return Site(tensorrt(), Gpu("NVIDIA Test", (9, 0), "13.0"), PlanStore(tmp_path / "plans"), GpuOf())


class Compiler:
    """Compiles in this process, what the simulated TensorRT takes for a plan; counts."""

    def __init__(self, site, path, change=lambda model: model):
        self.site, self.path, self.change, self.builds = site, path, change, 0

    def __call__(self):
        build_accepted(self.site, self.path, build=self._build)

    def _build(self, flavour, model, sizes, timings, tell=None):
        self.builds += 1
        return self.change(model).SerializeToString()


def test_a_plan_is_built_once_and_then_used(site, path):
    compiler = Compiler(site, path)
    for _ in range(3):
        runtime = load_at(site, path, compiler)
        assert runtime.run({"x": pictures(4)})["y"].shape == (4, 5)
    assert compiler.builds == 1
    [record] = site.store.records()
    assert record.least_cosine == pytest.approx(1, abs=1e-5)


def test_a_plan_for_another_gpu_is_not_used(site, path):
    load_at(site, path, Compiler(site, path))
    other = Site(site.flavour, Gpu("NVIDIA Other", (8, 9), "13.0"), site.store, site.memory)
    compiler = Compiler(other, path)
    load_at(other, path, compiler)
    assert compiler.builds == 1
    assert len(site.store.records()) == 2


def test_a_plan_that_computes_something_else_is_never_stored(site, path):
    def negated_in_part(model):
        weights = onnx.numpy_helper.to_array(model.graph.initializer[0]).copy()
        weights[:, 0] *= -1
        model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights, "w"))
        return model

    with pytest.raises(PlanError, match="not those of the processor"):
        load_at(site, path, Compiler(site, path, negated_in_part))
    assert site.store.records() == []


def test_a_damaged_plan_is_built_again(site, path):
    compiler = Compiler(site, path)
    load_at(site, path, compiler)
    [plan] = site.store.folder.glob("*.plan")
    plan.write_bytes(b"rubbish")
    load_at(site, path, compiler)
    assert compiler.builds == 2


def test_a_plan_that_tensorrt_refuses_is_built_again(site, path):
    site.store.write(site.key(Network.read(path)), b"sound file, no plan", 1.0, 1.0)
    compiler = Compiler(site, path)
    load_at(site, path, compiler)
    assert compiler.builds == 1


def test_a_build_that_leaves_nothing_is_an_error(site, path):
    with pytest.raises(PlanError, match="vanished"):
        load_at(site, path, lambda: None)


def test_a_second_builder_finds_what_the_first_built(site, path):
    compiler = Compiler(site, path)
    compiler()
    compiler()
    assert compiler.builds == 1


def test_a_stored_plan_can_be_checked_again(site, path):
    with pytest.raises(PlanError, match="no plan"):
        check_again(site, path)
    Compiler(site, path)()
    assert check_again(site, path) == pytest.approx(1, abs=1e-5)
