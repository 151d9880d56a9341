import hashlib
import json

import numpy as np
import pytest
import torch

from training.checkpoints import write_checkpoint
from training.evaluation import restoration
from training.evaluation.restoration import decibels, measure, restore
from training.networks import NETWORKS
from training.recipe import TrainingError

CROPS = [np.full((112, 112, 3), grey, np.uint8) for grey in (40, 200)]


def checkpoint(name: str) -> dict:
    torch.manual_seed(0)
    return {"recipe": {"network": name}, "weights": NETWORKS[name]().state_dict()}


def test_a_face_is_drawn_in_the_size_and_the_colours_of_the_crop():
    weights = checkpoint("deconv_v2_xs")
    red, blue = 2, 0
    weights["weights"]["restore.1.weight"].zero_()
    weights["weights"]["restore.1.bias"].copy_(torch.tensor([1.0, 0.0, -1.0]))  # red, green, blue
    drawn = restore(weights, CROPS)
    assert [image.shape for image in drawn] == [(112, 112, 3)] * 2
    assert (drawn[0][..., red] == 255).all()
    assert (drawn[0][..., blue] == 0).all()


def test_a_network_without_a_restoration_head_is_told():
    with pytest.raises(TrainingError, match="plain_v2 restores no faces"):
        restore(checkpoint("plain_v2"), CROPS)


def test_decibels():
    assert decibels([CROPS[0] + 1], [CROPS[0]]) == pytest.approx(48.13, abs=0.01)
    assert decibels(CROPS, CROPS) is None


def test_the_report_says_what_was_measured_and_with_what(tmp_path, monkeypatch):
    path = tmp_path / "xs.1.pt"
    write_checkpoint(path, {**checkpoint("deconv_v2_xs"), "seen": 5, "history": []})
    monkeypatch.setattr(restoration, "load_faces", lambda: CROPS)
    monkeypatch.setattr(restoration, "split", lambda count: (range(0), range(count)))
    measure(path, tmp_path / "restored.1", faces=2, shown=1)
    report = json.loads((tmp_path / "restored.1.json").read_text())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert report["checkpoint"] == {"network": "deconv_v2_xs", "sha256": digest}
    assert report["command"] == "deconvid eval restoration xs.1.pt --out benchmarks/restored.1"
    assert (report["faces"], set(report["versions"])) == (2, {"numpy", "opencv-python", "torch"})
    assert report["machine"]
    assert (tmp_path / "restored.1.png").exists()
