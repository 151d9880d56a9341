"""Compiling happens in a process of its own, whatever becomes of it."""

import subprocess
import sys

import pytest

from engine.errors import PlanError
from engine.manifests import SHIPPED
from engine.runtimes.crops import CropInput, CropNetwork
from engine.runtimes.tensorrt.compile import compile_apart
from engine.runtimes.tensorrt.states import find_state

NETWORK = CropNetwork(SHIPPED / "landmarks_v1.onnx", CropInput(127.5, 127.5, True))


@pytest.mark.skipif(find_state("trt").state == "ready", reason="TensorRT is ready here")
def test_what_cannot_be_compiled_says_why_and_leaves_nothing(tmp_path):
    with pytest.raises(PlanError, match=r"trt: .*Run|trt: no"):
        compile_apart("trt", NETWORK, tmp_path / "plans")
    assert not (tmp_path / "plans").exists()


def test_a_crash_is_an_error_with_the_signals_name(tmp_path):
    crash = [sys.executable, "-c", "import os; os.abort()"]
    with pytest.raises(PlanError, match="SIGABRT"):
        compile_apart("trt", NETWORK, tmp_path, command=crash)


def test_a_long_talk_on_stderr_does_not_block(tmp_path):
    talk = [sys.executable, "-c", "import sys; sys.stderr.write('x\\n' * 100_000 + 'the end'); sys.exit(1)"]
    with pytest.raises(PlanError, match=r"^the end$"):
        compile_apart("trt", NETWORK, tmp_path, command=talk)


def test_progress_is_passed_on_and_is_no_reason(tmp_path):
    program = "import sys; print('why', 'progress: Building 1/2', 'progress: Building 2/2', sep='\\n', file=sys.stderr)"
    told = []
    with pytest.raises(PlanError, match=r"^why$"):
        compile_apart("trt", NETWORK, tmp_path, [sys.executable, "-c", f"{program}; sys.exit(1)"], told.append)
    assert told == ["Building 1/2", "Building 2/2"]


def test_the_compiler_ends_with_its_parent():
    program = "import threading, time; from engine.runtimes.tensorrt import compile; compile.end_with_parent()"
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    child.stdin.close()
    assert child.wait(30) == 1
