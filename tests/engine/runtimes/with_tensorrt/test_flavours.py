"""What differs between the versions of TensorRT, without any of them."""

from collections import deque
from types import SimpleNamespace

import pytest

from engine.errors import PlanError
from engine.runtimes.tensorrt.flavours import Flavour


def flavour(name, version, flags, **more):
    trt = SimpleNamespace(__version__=version, __name__=name, NetworkDefinitionCreationFlag=SimpleNamespace(**flags))
    for key, value in more.items():
        setattr(trt, key, value)
    return Flavour(name, trt, SimpleNamespace(errors=deque()))


EIGHT = flavour("trt", "8.6.0", {"EXPLICIT_BATCH": 0, "EXPLICIT_PRECISION": 1})
TEN = flavour("trt", "10.16.1", {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1, "PREFER_AOT_PYTHON_PLUGINS": 3})
ELEVEN = flavour("trt", "11.4.0", {"STRONGLY_TYPED": 1})
SUPPORTED = SimpleNamespace(SM75=1, SM89=2, SM120=3)
RTX = flavour("rtx", "1.7.1", {"STRONGLY_TYPED": 0}, ComputeCapability=SUPPORTED)


@pytest.mark.parametrize(("which", "flags"), [(EIGHT, 0b01), (TEN, 0b10), (ELEVEN, 0b10), (RTX, 0b1)])
def test_networks_are_strongly_typed_where_that_exists(which, flags):
    assert which.network_flags() == flags
    assert which.strongly_typed == (which is not EIGHT)


@pytest.mark.parametrize(
    ("which", "sm", "supported"),
    [
        (EIGHT, (9, 0), True),
        (EIGHT, (12, 0), False),
        (TEN, (7, 0), False),
        (TEN, (9, 0), True),
        (ELEVEN, (12, 0), True),
        (RTX, (8, 9), True),
        (RTX, (9, 0), False),
    ],
)
def test_gpus_are_supported_that_the_version_names(which, sm, supported):
    assert which.supports(sm) == supported


def test_a_failure_carries_what_tensorrt_said():
    which = flavour("trt", "11.4.0", {})
    which.messages.errors.extend(["first", "second"])
    assert "first; second" in str(which.failed("cannot compile the network"))


def test_a_failure_without_a_word_is_told_too():
    assert "no reason" in str(flavour("trt", "11.4.0", {}).failed("cannot compile the network"))


def test_what_cannot_be_made_is_told_with_what_tensorrt_said():
    """So did 8.6 on an H100 whose kernel library had been cut down."""

    def builder(messages):
        messages.errors.append("Assertion validateCaskKLibDigest(sha256sum) failed")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    which = flavour("trt", "8.6.0", {}, Builder=builder)
    with pytest.raises(PlanError, match=r"gives no Builder: Assertion validateCaskKLibDigest"):
        which.new("Builder")


def test_8_6_gets_contexts_and_scratch_by_its_own_names():
    context = SimpleNamespace()
    engine = SimpleNamespace(device_memory_size=7, create_execution_context_without_device_memory=lambda: context)
    assert EIGHT.context(engine, None) is context
    assert EIGHT.scratch_bytes(engine) == 7
    EIGHT.give_scratch(context, 4096, 7)
    assert context.device_memory == 4096
