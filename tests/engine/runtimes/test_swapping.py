"""Every batch is answered once, by a runtime that works."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import GpuError, GpuMemoryError, ModelError, PlanError
from engine.runtimes.swapping import SwappingRuntime


class Counting:
    """Gives back its input; fails at the batches whose numbers are given."""

    input_names = ("x",)

    def __init__(self, name, failing=(), error=GpuError("driver gone")):
        self.name, self.failing, self.error, self.runs = name, failing, error, 0

    def run(self, inputs):
        self.runs += 1
        if self.runs - 1 in self.failing:
            raise self.error
        return {"y": inputs["x"]}


def run(runtime, value=1.0):
    return runtime.run({"x": np.full((2, 3), value, np.float32)})["y"][0, 0]


def test_the_first_serves_while_the_better_one_is_made():
    made = threading.Event()

    def make():
        assert made.wait(10)
        return Counting("better")

    runtime = SwappingRuntime(Counting("first"), make)
    run(runtime)
    assert runtime.name == "first"
    made.set()
    runtime.maker.join(10)
    assert run(runtime, 5) == 5
    assert runtime.name == "better"


@pytest.mark.parametrize(
    "error", [PlanError("refused"), GpuMemoryError("full"), OSError("disk"), ImportError("lib"), TypeError("null")]
)
def test_what_cannot_be_made_leaves_the_first(error, caplog):
    def make():
        raise error

    runtime = SwappingRuntime(Counting("first"), make)
    runtime.maker.join(10)
    assert run(runtime) == 1
    assert runtime.name == "first"
    assert "runtime_not_ready" in caplog.text


def test_a_gpu_that_fails_costs_no_batch(caplog):
    first, better = Counting("first"), Counting("better", failing=(1,))
    runtime = SwappingRuntime(first, lambda: better)
    runtime.maker.join(10)
    assert [run(runtime, value) for value in (1, 2, 3)] == [1, 2, 3]
    assert (runtime.name, first.runs, better.runs) == ("first", 2, 2)
    assert "runtime_failed runtime=better fallback=first" in caplog.text


def test_crops_that_are_wrong_are_the_callers_fault_and_no_reason_to_fall_back():
    runtime = SwappingRuntime(Counting("first"), lambda: Counting("better", failing=(0,), error=ModelError("NaN")))
    runtime.maker.join(10)
    with pytest.raises(ModelError):
        run(runtime)
    assert runtime.name == "better"


@settings(max_examples=50, deadline=None)
@given(ready_after=st.integers(0, 8), failing=st.sets(st.integers(0, 8)))
def test_every_batch_is_answered_whenever_the_swap_and_the_failure_come(ready_after, failing):
    made = threading.Event()

    def make():
        made.wait(10)
        return Counting("better", failing)

    runtime = SwappingRuntime(Counting("first"), make)
    for value in range(16):
        if value == ready_after:
            made.set()
            runtime.maker.join(10)
        assert run(runtime, value) == value
