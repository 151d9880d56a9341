"""One suite over all runtimes."""

from pathlib import Path

import numpy as np
import pytest

from engine import ModelError
from engine.errors import RuntimeUnavailableError
from engine.manifests import find_model
from engine.probes import probe_crops
from engine.runtimes import Execution, Precision, Preference, load_runtime

RUNTIMES: list[Preference] = ["openvino", "onnxruntime"]
PRECISIONS: tuple[Precision, ...] = ("f32", "bf16")
AGREE = 2e-3
"""Of the detector's outputs, whose largest are near 10; both runtimes compute in FP32 in another order."""


@pytest.mark.parametrize("preference", RUNTIMES)
def test_outputs_come_by_name_in_the_files_order(network: Path, preference: Preference) -> None:
    runtime = load_runtime(network, Execution(preference))
    x = np.full((2, 3), 9, np.float32)
    outputs = runtime.run({"x": x})
    assert (runtime.name, runtime.input_names, list(outputs)) == (preference, ("x",), ["twice", "root"])
    assert (outputs["twice"] == 18).all()
    assert np.allclose(outputs["root"], 3)


@pytest.mark.parametrize("preference", RUNTIMES)
def test_a_later_run_leaves_earlier_outputs_alone(network: Path, preference: Preference) -> None:
    runtime = load_runtime(network, Execution(preference))
    first = runtime.run({"x": np.ones((2, 3), np.float32)})["twice"]
    runtime.run({"x": np.zeros((2, 3), np.float32)})
    assert (first == 2).all()


@pytest.mark.parametrize("preference", RUNTIMES)
@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x07\x12\x00:\x03\x0a\x01x"])
def test_a_broken_file_is_a_model_error(tmp_path: Path, preference: Preference, content: bytes) -> None:
    (tmp_path / "broken.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"cannot load broken\.onnx") as raised:
        load_runtime(tmp_path / "broken.onnx", Execution(preference))
    assert str(tmp_path) not in str(raised.value)


def test_all_runtimes_agree_on_a_real_network() -> None:
    path = find_model("finder_v1").verified_path()
    picture = np.random.default_rng(1).uniform(0, 1, (1, 3, 96, 160)).astype(np.float32)
    first, second = (load_runtime(path, Execution(p, 1)).run({"pictures": picture}) for p in RUNTIMES)
    assert list(first) == list(second) == ["at8", "at16", "at32"]
    assert all(np.allclose(first[name], second[name], atol=AGREE) for name in first)


def test_auto_takes_openvino_where_it_loads(network: Path) -> None:
    assert load_runtime(network).name == "openvino"


def test_bf16_is_near_to_f32() -> None:
    path = find_model("deconv_v2").verified_path()
    crops = np.ascontiguousarray((probe_crops()[..., ::-1].transpose(0, 3, 1, 2) - 127.5) / 127.5, np.float32)
    exact, rounded = (
        next(iter(load_runtime(path, Execution("openvino", 1, precision)).run({"faces": crops}).values()))
        for precision in PRECISIONS
    )
    cosines = (exact * rounded).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rounded, axis=1)
    assert cosines.min() > 0.998  # the probes are no faces; of 771 the worst had 0.9992


def test_onnxruntime_has_no_bf16(network: Path) -> None:
    with pytest.raises(RuntimeUnavailableError, match="set precision to f32"):
        load_runtime(network, Execution("onnxruntime", precision="bf16"))
