"""The benchmarks of the engine's steps: what they count, and that everybody is told of or left out with a reason."""

import json
from functools import partial
from pathlib import Path
from time import sleep

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from config import Settings
from daemon.bench.align import SIDES_PX, bench_align
from daemon.bench.detect import bench_detect
from daemon.bench.embed import bench_embed, fill_and_take
from daemon.bench.engine_bench import EngineBench
from daemon.bench.record import engine_record
from daemon.bench.rivals import Pack, RivalMissingError, eager
from daemon.bench.roofline import count_macs
from daemon.bench.timing import Contestant, Figure, race
from engine.manifests import find_model
from engine.runtimes import Execution, load_runtime


def quiet(doing: str) -> None:
    pass


def bench(pack: Path) -> EngineBench:
    return EngineBench(threads=1, seconds=0.001, pack=pack, tell=quiet)


def test_macs_are_kernels_times_places(tmp_path: Path) -> None:
    weights = {"conv": (8, 3, 3, 3), "deconv": (8, 4, 4, 4), "product": (4 * 16 * 16, 5)}
    ports = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 16, 16]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "conv"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("ConvTranspose", ["a", "deconv"], ["b"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("Gemm", ["d", "product"], ["y"]),
    ]
    constants = [numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in weights.items()]
    graph = helper.make_graph(nodes, "network", ports[:1], ports[1:], constants)
    path = tmp_path / "network.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    one = 8 * 3 * 3 * 3 * 8 * 8 + 8 * 4 * 4 * 4 * 8 * 8 + 4 * 16 * 16 * 5
    assert count_macs(path, (1, 3, 16, 16)) == one
    assert count_macs(path, (7, 3, 16, 16)) == 7 * one


def test_a_figure_tells_what_was_timed() -> None:
    slow, fast = race(
        [Contestant("slow", "naps", 2, partial(sleep, 0.02), gmacs=1.0), Contestant("fast", "naps", 1, int)],
        0.05,
        quiet,
    )
    assert (slow.who, slow.what, slow.items) == ("slow", "naps", 2)
    assert 20 <= slow.best_ms <= slow.median_ms <= slow.p95_ms
    assert slow.per_s == pytest.approx(2e3 / slow.median_ms, rel=0.01)
    assert slow.gmacs_per_s == pytest.approx(1e3 / slow.median_ms, abs=0.1)
    assert fast.gmacs_per_s is None
    assert fast.runs > slow.runs >= 9


def test_shares_are_of_the_best_product_in_the_same_race(tmp_path: Path) -> None:
    one = bench(tmp_path)
    one.enter("network", "a face", 2, partial(sleep, 0.01), gmacs=0.5)
    one.enter("alignment", "a face", 1, int)
    report = one.race()
    network, alignment = report.figures
    assert network.gmacs_per_s == pytest.approx(1e3 / network.median_ms, abs=0.1)
    assert network.share_of_peak == pytest.approx(network.gmacs_per_s / report.peak_gmacs_per_s["f32"], abs=0.001)
    assert (alignment.gmacs_per_s, alignment.share_of_peak) == (None, None)


def test_a_missing_pack_is_a_reason_not_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RivalMissingError, match="deconvid models install buffalo_s"):
        Pack.find(tmp_path)


def test_a_pack_is_laid_out_for_both(tmp_path: Path) -> None:
    for name in ("scrfd_500m_kps.onnx", "w600k_mbf.onnx"):
        (tmp_path / name).write_text(name)
    with Pack.find(tmp_path).laid_out() as models:
        assert {path.name: path.read_text() for path in (models / "buffalo_s").iterdir()} == {
            "det_500m.onnx": "scrfd_500m_kps.onnx",
            "w600k_mbf.onnx": "w600k_mbf.onnx",
        }
    assert not models.exists()


def test_align_is_told_for_every_size_as_json(tmp_path: Path) -> None:
    told = json.loads(engine_record(bench_align(bench(tmp_path)), "deconvid bench align"))
    assert told["threads"] == 1
    assert {each["what"] for each in told["figures"]} == {f"8 faces of {side} px" for side in SIDES_PX}
    assert {each["who"] for each in told["figures"]} >= {"DeconvID, a camera's planes", "DeconvID, BGR"}


def test_the_batcher_hands_out_all_that_it_took() -> None:
    fill_and_take(np.zeros((8, 112, 112, 3), np.uint8))


@pytest.mark.slow
def test_embed_is_told_for_everybody_who_is_there(tmp_path: Path) -> None:
    report = bench_embed(bench(tmp_path), find_model(Settings().embedding.model))
    ours = [each for each in report.figures if each.who == "DeconvID openvino f32"]
    assert [each.items for each in ours] == [1, 8, 16, 32]
    assert all(each.share_of_peak for each in ours)
    assert "buffalo_s" in report.skipped["InsightFace w600k_mbf"]
    assert report.peak_gmacs_per_s["f32"] > 1


def test_detect_counts_the_second_look_at_each_face(tmp_path: Path) -> None:
    finder = find_model("finder_v1")
    report = bench_detect(bench(tmp_path), [finder], 640)
    assert report.sha256 == {spec.name: spec.sha256 for spec in finder.parts}
    ours = {each.who: each for each in report.figures}
    whole, network = ours["DeconvID finder_v1 onnxruntime f32"], ours["ONNX Runtime finder_v1"]
    assert whole.what == "6 faces found"
    gmacs = report.gmacs["finder_v1"] + 6 * report.gmacs["landmarks_v1"]
    assert gmacs_of(whole) == pytest.approx(gmacs, rel=0.01)
    assert gmacs_of(network) == pytest.approx(report.gmacs["finder_v1"], rel=0.01)


def gmacs_of(figure: Figure) -> float:
    assert figure.gmacs_per_s
    return figure.gmacs_per_s * figure.median_ms / 1e3


def test_pytorch_computes_what_the_runtimes_do() -> None:
    spec = find_model(Settings().embedding.model)
    faces = np.random.default_rng(1).uniform(-1, 1, (2, 3, 112, 112)).astype(np.float32)
    runtime = load_runtime(spec.verified_path(), Execution("onnxruntime", 1))
    [expected] = runtime.run({runtime.input_names[0]: faces}).values()
    assert np.allclose(np.asarray(eager(spec.verified_path(), 1)(faces)), expected, atol=1e-4)
