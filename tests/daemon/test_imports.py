"""What a process loads, it keeps for as long as it lives."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["daemon.supervisor", "daemon.workers.bus", "daemon.workers.bridge"])
def test_processes_that_touch_no_pixel_load_no_opencv(module: str) -> None:
    loaded = f"import sys, {module}; print(*sorted({{'cv2', 'av', 'openvino', 'onnxruntime'}} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", loaded], text=True).split() == []


def test_a_cameras_worker_of_which_there_are_many_loads_little() -> None:
    loaded = "import sys, daemon.workers.camera; print(*sorted({'cv2', 'pydantic', 'sqlalchemy'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", loaded], text=True).split() == []
