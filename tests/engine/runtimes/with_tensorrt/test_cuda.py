"""CUDA's own names and statuses, on a machine without a GPU."""

import pytest

from engine.errors import GpuError, GpuMemoryError

pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings has no wheel for this machine")

from cuda.bindings import runtime as cudart

from engine.runtimes.tensorrt.cuda import checked
from engine.runtimes.tensorrt.states import Gpu, find_gpu


def test_what_a_call_gives_comes_without_its_status():
    done = cudart.cudaError_t.cudaSuccess
    assert checked((done, 7)) == 7
    assert checked((done,)) is None


def test_exhausted_memory_is_told_apart():
    with pytest.raises(GpuMemoryError, match="memory is exhausted"):
        checked((cudart.cudaError_t.cudaErrorMemoryAllocation, None))


def test_any_other_status_is_named():
    with pytest.raises(GpuError, match="cudaErrorDevicesUnavailable") as raised:
        checked((cudart.cudaError_t.cudaErrorDevicesUnavailable, None))
    assert not isinstance(raised.value, GpuMemoryError)


@pytest.mark.skipif(isinstance(find_gpu(), Gpu), reason="there is a GPU here")
def test_without_a_driver_a_stream_is_an_error_and_no_crash():
    from engine.runtimes.tensorrt.cuda import Memory, Stream, pinned

    for make in (Stream, lambda: Memory(1), lambda: pinned((1,), "u1")):
        with pytest.raises(GpuError, match="cudaError"):
            make()
