"""What is exported is named after all of the given name, a seed's number included."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from engine.manifests import ModelSpec
from training import export as embedders
from training.detection import export as detectors
from training.detection.network import DetectorNetwork
from training.landmarks import export as placers
from training.landmarks.network import LandmarkNetwork
from training.networks import NETWORKS


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning")
@pytest.mark.parametrize(
    ("exporter", "name", "make", "recorded"),
    [
        (embedders, "deconv_v2_xs", NETWORKS["deconv_v2_xs"], "probes"),
        (detectors, "finder_v1", DetectorNetwork, "recorded"),
        (placers, "landmarks_v1", LandmarkNetwork, "recorded"),
    ],
)
def test_an_export_leaves_the_network_without_a_seed_alone(
    exporter: ModuleType,
    name: str,
    make: Callable[[], nn.Module],
    recorded: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedders, "measure", lambda embedder: (0.3, {}))
    monkeypatch.setattr(embedders, "write_tails", lambda manifest, embedder: None)
    shipped = [tmp_path / f"{name}.{ending}" for ending in ("onnx", "toml", f"{recorded}.npy")]
    for path in shipped:
        path.write_text("shipped")
    torch.manual_seed(0)
    exporter.export({"recipe": {"network": name}, "seen": 5, "weights": make().state_dict()}, tmp_path / f"{name}.1")
    assert [path.read_text() for path in shipped] == ["shipped"] * 3
    made = {path.name for path in tmp_path.iterdir()} - {path.name for path in shipped}
    assert made == {f"{name}.1.{ending}" for ending in ("onnx", "toml", f"{recorded}.npy")}
    assert ModelSpec.read(tmp_path / f"{name}.1.toml").verified_path() == tmp_path / f"{name}.1.onnx"
