import numpy as np
import onnx
import onnxruntime
import pytest

from engine.manifests import SHIPPED, find_model
from engine.probes import probe_crops
from engine.runtimes.crops import CROPS, crop_network
from engine.runtimes.tensorrt.crops import takes_crops

EMBEDDERS = sorted(path.name.removesuffix(".probes.npy") for path in SHIPPED.glob("*.probes.npy"))


@pytest.mark.parametrize("name", EMBEDDERS)
def test_bytes_give_the_recorded_embeddings(name):
    spec = find_model(name)
    whole = takes_crops(onnx.load(spec.verified_path()), crop_network(spec).input)
    onnx.checker.check_model(whole, full_check=True)
    session = onnxruntime.InferenceSession(whole.SerializeToString())
    [embeddings] = session.run(None, {CROPS: probe_crops()})
    recorded = np.load(SHIPPED / f"{name}.probes.npy")
    assert (embeddings * recorded).sum(axis=1).min() > 0.9999
