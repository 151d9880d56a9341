"""Batches of any size go through buffers, profiles and graphs and come back as they would from the processor."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from engine.errors import GpuError, GpuMemoryError, ModelError, PlanError
from engine.runtimes.tensorrt.lanes import Engine, Lane
from engine.runtimes.tensorrt.runtime import TensorRtRuntime
from tests.engine.runtimes.with_tensorrt.simulated import GpuOf, tensorrt

ROW = (3, 4, 4)


def network():
    ports = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *ROW]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5]),
    ]
    weights = numpy_helper.from_array(np.random.default_rng(1).standard_normal((48, 5)).astype(np.float32), "w")
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])]
    graph = helper.make_graph(nodes, "linear", ports[:1], ports[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString(), numpy_helper.to_array(weights)


PLAN, WEIGHTS = network()


def pictures(rows, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, *ROW)).astype(np.float32)


def run(runtime, x):
    return runtime.run({"x": x})["y"]


@settings(max_examples=30, deadline=None)
@given(batches=st.lists(st.integers(0, 100), min_size=1, max_size=6), lanes=st.integers(1, 3))
def test_every_row_gets_its_own_result_whatever_came_before(batches, lanes):
    runtime = TensorRtRuntime(tensorrt(), PLAN, lanes, gpu=GpuOf())
    for seed, rows in enumerate(batches):
        x = pictures(rows, seed)
        assert np.allclose(run(runtime, x), x.reshape(rows, 48) @ WEIGHTS, atol=1e-4)


def test_a_size_is_captured_once():
    gpu = GpuOf()
    runtime = TensorRtRuntime(tensorrt(), PLAN, 1, gpu=gpu)
    for _ in range(3):
        run(runtime, pictures(8))
        run(runtime, pictures(7))
    [stream] = gpu.streams
    assert stream.captures == 1


def test_after_warming_nothing_is_captured_any_more():
    gpu = GpuOf()
    runtime = TensorRtRuntime(tensorrt(), PLAN, 1, gpu=gpu)
    runtime.warm()
    captured = gpu.streams[0].captures
    for rows in range(1, 33):
        run(runtime, pictures(rows))
    assert gpu.streams[0].captures == captured


def test_a_batch_waits_once():
    gpu = GpuOf()
    runtime = TensorRtRuntime(tensorrt(), PLAN, 1, gpu=gpu)
    run(runtime, pictures(32))
    assert gpu.streams[0].waits == 1


def test_large_batches_are_spread_over_the_lanes():
    gpu = GpuOf()
    run(TensorRtRuntime(tensorrt(), PLAN, 2, gpu=gpu), pictures(96))
    assert [stream.waits for stream in gpu.streams] == [2, 1]


def test_a_stream_that_cannot_be_captured_runs_all_the_same(caplog):
    gpu = GpuOf()
    gpu.refuses_capture = True
    x = pictures(5)
    runtime = TensorRtRuntime(tensorrt(), PLAN, 1, gpu=gpu)
    assert np.allclose(run(runtime, x), x.reshape(5, 48) @ WEIGHTS, atol=1e-4)
    assert "cuda_graph_refused" in caplog.text


def test_outputs_are_the_callers():
    runtime = TensorRtRuntime(tensorrt(), PLAN, 1, gpu=GpuOf())
    first = run(runtime, pictures(4))
    kept = first.copy()
    run(runtime, pictures(4, seed=9))
    assert (first == kept).all()


def test_each_context_has_a_profile_for_its_batch_and_the_lanes_scratch():
    engine = Engine(tensorrt(), PLAN, gpu=GpuOf())
    lane = Lane(engine)
    for rows in (1, 5, 32):
        lane.launch(rows)
    assert [(context.profile, context.shape[0]) for context in engine.plan.contexts] == [((1, 1), 1), ((2, 8), 6),
                                                                                      ((9, 32), 32)]  # fmt: skip
    assert len({context.scratch for context in engine.plan.contexts}) == 1


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"z": pictures(1)}, "takes x, not z"),
        ({"x": pictures(1).astype(np.float64)}, "must be float32"),
        ({"x": pictures(1)[:, :2]}, r"of shape \(N, 3, 4, 4\)"),
        ({"x": np.full((2, *ROW), np.nan, np.float32)}, "no numbers"),
        ({"x": np.full((2, *ROW), np.inf, np.float32)}, "no numbers"),
    ],
)
def test_wrong_inputs_are_named(inputs, says):
    with pytest.raises(ModelError, match=says):
        TensorRtRuntime(tensorrt(), PLAN, 1, gpu=GpuOf()).run(inputs)


def test_an_output_that_overflows_is_the_gpus_fault():
    with pytest.raises(GpuError, match="values of y that are no numbers"):
        run(TensorRtRuntime(tensorrt(), PLAN, 1, gpu=GpuOf()), pictures(2) * np.float32(1e38))


def test_a_plan_that_the_gpu_refuses_is_a_plan_error_with_what_tensorrt_said():
    with pytest.raises(PlanError, match=r"refuses the plan.*magic tag"):
        Engine(tensorrt(), b"rubbish", gpu=GpuOf())


def test_a_gpu_without_memory_is_told():
    gpu = GpuOf()
    gpu.memory_left = 100
    with pytest.raises(GpuMemoryError):
        TensorRtRuntime(tensorrt(), PLAN, 1, gpu=gpu)


def test_a_batch_that_fails_is_a_plan_error():
    flavour = tensorrt()
    engine = Engine(flavour, PLAN, gpu=GpuOf())
    engine.plan.broken = True
    with pytest.raises(PlanError, match="cannot run a batch"):
        Lane(engine).launch(4)
