"""The faster runtime is taken, measured once, and whatever lies in the file is no harm."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import RuntimeUnavailableError
from engine.runtimes import Execution, Runtime, load_runtime
from engine.runtimes.calibration import Calibration, CpuRuntime

SHAPE = (2, 3)


class Clock:
    """Stands still but for what runtimes take."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Paced:
    """A runtime that takes its time."""

    name, input_names = "paced", ("x",)

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        assert inputs["x"].shape == SHAPE
        self._clock.now_s += self._seconds
        return {}


CLOCK = Clock()


def paced(openvino_s: float, onnxruntime_s: float) -> dict[CpuRuntime, Callable[[], Runtime]]:
    return {"openvino": lambda: Paced(CLOCK, openvino_s), "onnxruntime": lambda: Paced(CLOCK, onnxruntime_s)}


def never() -> Runtime:
    raise AssertionError("was measured again")


@pytest.fixture
def calibration(tmp_path: Path) -> Calibration:
    return Calibration(tmp_path / "runtimes.json", SHAPE, CLOCK)


@pytest.mark.parametrize(
    ("openvino_s", "onnxruntime_s", "faster"),
    [(0.02, 0.002, "onnxruntime"), (0.002, 0.02, "openvino"), (0.02, 0.019, "openvino")],
    ids=["onnxruntime", "openvino", "as good"],
)
def test_the_clearly_faster_runtime_is_taken(
    calibration: Calibration, network: Path, openvino_s: float, onnxruntime_s: float, faster: CpuRuntime
) -> None:
    assert calibration.faster(network, 1, paced(openvino_s, onnxruntime_s)) == faster


def test_a_network_is_measured_once_for_each_number_of_threads(calibration: Calibration, network: Path) -> None:
    assert calibration.faster(network, 1, paced(0.02, 0.001)) == "onnxruntime"
    assert calibration.faster(network, 1, {"openvino": never, "onnxruntime": never}) == "onnxruntime"
    assert calibration.faster(network, 2, paced(0.001, 0.02)) == "openvino"
    assert len(json.loads(calibration.file.read_text())) == 2
    network.write_bytes(network.read_bytes() + b"\0")
    with pytest.raises(AssertionError):
        calibration.faster(network, 1, {"openvino": never, "onnxruntime": never})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"x": 1}', b'{"x": {"openvino": "slow"}}', b"\xff"])
def test_a_damaged_file_is_measured_anew(calibration: Calibration, network: Path, content: bytes) -> None:
    calibration.file.write_bytes(content)
    assert calibration.faster(network, 1, paced(0.02, 0.001)) == "onnxruntime"
    assert len(json.loads(calibration.file.read_text())) == 1


def test_nothing_is_measured_without_a_folder_or_a_choice(tmp_path: Path, network: Path) -> None:
    def missing() -> Runtime:
        raise RuntimeUnavailableError("is not installed")

    nowhere = Calibration(tmp_path / "absent" / "runtimes.json", SHAPE, CLOCK)
    assert nowhere.faster(network, 1, {"openvino": never, "onnxruntime": never}) == "openvino"
    alone = Calibration(tmp_path / "runtimes.json", SHAPE, CLOCK)
    assert alone.faster(network, 1, {**paced(0.02, 0.001), "onnxruntime": missing}) == "openvino"
    assert not alone.file.exists()


def test_auto_takes_what_was_measured(tmp_path: Path, network: Path) -> None:
    file = tmp_path / "runtimes.json"
    how = Execution(calibrations=file)
    assert load_runtime(network, how, usual=SHAPE).name in ("openvino", "onnxruntime")
    [(key, times)] = json.loads(file.read_text()).items()
    for slower, name in (("openvino", "onnxruntime"), ("onnxruntime", "openvino")):
        file.write_text(json.dumps({key: {**times, name: 1.0, slower: 2.0}}))
        assert load_runtime(network, how, usual=SHAPE).name == name
        assert load_runtime(network, Execution(slower, calibrations=file), usual=SHAPE).name == slower
