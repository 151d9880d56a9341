import sys
from subprocess import run

import numpy as np
import pytest

from engine import ModelError
from engine.alignment import align
from engine.detectors import Detector
from engine.embedder import Embedder
from engine.errors import ImageError
from engine.manifests import find_model
from engine.runtimes import Execution
from tests.engine.conftest import MakeSpec

KEYS = {"task": "embedder", "kind": "embedder", "input_size": 112, "dimension": 512, "threshold": 0.3}


@pytest.fixture
def embedder(shared_model: MakeSpec) -> Embedder:
    return Embedder.load(shared_model("edgeface_xs.onnx", **KEYS), Execution(threads=1))


def test_embeddings_have_length_one_and_any_number_of_crops_works(embedder: Embedder) -> None:
    crops = np.random.default_rng(1).integers(0, 256, (37, 112, 112, 3), np.uint8)
    embeddings = embedder.embed(crops)
    assert (embeddings.shape, embeddings.dtype) == ((37, 512), np.float32)
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    assert np.allclose(embedder.embed(crops[35:]), embeddings[35:], atol=1e-4)
    assert embedder.embed(crops[:0]).shape == (0, 512)


def test_a_person_is_nearer_to_himself_than_to_anybody_else(
    embedder: Embedder, detector: Detector, six_faces: np.ndarray, astronaut: np.ndarray
) -> None:
    smaller = np.ascontiguousarray(six_faces[::2, ::2])
    first, second, third = detector.detect([six_faces, smaller, astronaut])
    second = second[np.argsort(second.boxes[:, 0])]
    first = first[np.argsort(first.boxes[:, 0])]
    one, other = embedder.embed(align(six_faces, first.landmarks)), embedder.embed(align(smaller, second.landmarks))
    cosines = one @ other.T
    assert cosines.diagonal().min() > 0.6
    assert cosines[~np.eye(6, dtype=bool)].max() < 0.3
    assert (one @ embedder.embed(align(astronaut, third.landmarks)).T).max() < 0.3


def test_runtimes_agree(shared_model: MakeSpec) -> None:
    spec = shared_model("w600k_mbf.onnx", **KEYS)
    crops = np.random.default_rng(1).integers(0, 256, (3, 112, 112, 3), np.uint8)
    first, second = (Embedder.load(spec, Execution(p, 1)).embed(crops) for p in ("openvino", "onnxruntime"))
    assert np.allclose((first * second).sum(axis=1), 1, atol=1e-5)


def test_a_manifest_with_the_wrong_dimension_stops_the_start(shared_model: MakeSpec) -> None:
    with pytest.raises(ModelError, match="its manifest says dimension 128"):
        Embedder.load(shared_model("edgeface_xs.onnx", **{**KEYS, "dimension": 128}))


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((2, 96, 112, 3), np.uint8),
        np.zeros((2, 1, 1, 3), np.uint8),
        np.zeros((112, 112, 3), np.uint8),
        np.full((1, 112, 112, 3), np.nan),
    ],
    ids=["another size", "a pixel", "no batch", "NaN"],
)
def test_what_are_no_crops_are_refused(embedder: Embedder, crops: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"must be uint8 \(N, 112, 112, 3\)"):
        embedder.embed(crops)


def test_a_detector_is_no_embedder() -> None:
    with pytest.raises(ModelError, match="finder_v1 is no embedder"):
        Embedder.load(find_model("finder_v1"))


GROWTH = """
import numpy as np
from engine.embedder import BEST_BATCH, Embedder
from engine.manifests import find_model
from engine.runtimes import Execution

def own_mb():
    with open("/proc/self/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_")) / 1024

embedder = Embedder.load(find_model("deconv_v2"), Execution("{runtime}", 1))
if {warm}:
    embedder.warm_up()
before = own_mb()
for count in (*range(1, BEST_BATCH + 1), BEST_BATCH):
    embedder.embed(np.zeros((count, 112, 112, 3), np.uint8))
print(own_mb() - before)
"""


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_once_warm_an_embedder_grows_no_more_whatever_the_batch(runtime: str) -> None:
    def growth_mb(warm: bool) -> float:
        code = GROWTH.format(runtime=runtime, warm=warm)
        return float(run([sys.executable, "-c", code], text=True, capture_output=True, check=True).stdout)

    assert growth_mb(warm=False) > 20
    assert growth_mb(warm=True) < 6
