import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest

from training.checkpoints import write_checkpoint
from training.evaluation import twins
from training.evaluation.lfw import Crops, Pairs
from training.evaluation.twins import compare, difference, figures, table

SAME = np.tile([True, False], 500)


def seeds(count: int, lead: float) -> list[dict[str, np.ndarray]]:
    """Scores of some seeds, in which one person's pictures are so much more alike than two people's."""
    rng = np.random.default_rng(3)
    return [{"clean": (rng.normal(0, 0.1, 1000) + lead * SAME).astype(np.float32)} for _ in range(count)]


def test_a_network_that_tells_people_apart_better_is_ahead():
    ahead = difference(seeds(3, 0.4), seeds(2, 0.3), "clean", SAME)
    assert 0 < ahead.low < ahead.value < ahead.high
    behind = difference(seeds(2, 0.3), seeds(3, 0.4), "clean", SAME)
    assert behind.value == pytest.approx(-ahead.value)


def test_two_networks_of_one_kind_are_a_tie():
    one, *others = seeds(5, 0.3)
    tie = difference([one, others[0]], others[1:], "clean", SAME)
    assert tie.low < 0 < tie.high


def test_every_draw_has_as_many_impostors_and_the_same_rank_for_a_threshold():
    """The fourth best of 300 impostors is the threshold: a wrong one costs nothing unless it is drawn four times."""
    same = np.tile([True, False], 300)
    flawless = {"clean": np.where(same, 0.5, 0.1).astype(np.float32)}
    flawed = {"clean": np.where(np.arange(600) == 1, 0.9, flawless["clean"]).astype(np.float32)}
    tie = difference([flawed], [flawless], "clean", same)
    assert (tie.value, tie.low, tie.high) == (0, 0, 0)


def test_figures_are_in_percent():
    perfect = {"clean": SAME.astype(np.float32), "16 px": (~SAME).astype(np.float32)}
    assert figures(perfect, SAME) == {"lfw": 100.0, "clean": 100.0, "16 px": 0.0}


def test_the_table_has_a_line_for_each_probe():
    column = {"clean": {"value": 0.5, "low": -0.1, "high": 1.0}}
    assert table({"a than b": column}).splitlines()[-1] == "clean | +0.50 (-0.10 to +1.00)"


def embed(crops: np.ndarray) -> np.ndarray:
    """Brighter crops are turned further."""
    angle = crops.mean(axis=(1, 2, 3)) / 255
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def test_the_report_names_its_checkpoints_by_their_digests(tmp_path, monkeypatch):
    paths = [tmp_path / name for name in ("ours.1.pt", "ours.2.pt", "theirs.1.pt")]
    for path in paths:
        network = path.name.partition(".")[0]
        write_checkpoint(path, {"recipe": {"network": network}, "seen": 5, "history": [], "weights": {}})
    crops = np.random.default_rng(1).integers(0, 256, (4, 112, 112, 3), np.uint8)
    pairs = Pairs([f"{i}/{i}" for i in range(4)], np.tile([[0, 1], [2, 3]], (20, 1)), np.tile([True, False], 20))
    stand_ins = {
        "read_pairs": lambda: pairs,
        "load_faces": lambda: crops,
        "split": lambda count: (range(0), range(count)),
        "find_model": lambda name: None,
        "load_detector": lambda spec, size_px, how: None,
        "read_crops": lambda detector, names: Crops(crops, 0),
        "draft": lambda checkpoint, base, how: SimpleNamespace(embed=embed),
        "load_reference": lambda: None,
        "features_missed": lambda checkpoint, clean, teach: {},
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(twins, name, stand_in)
    compare(paths, "finder_v1", 320, tmp_path / "twins.1")
    report = json.loads((tmp_path / "twins.1.json").read_text())
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert report["networks"]["ours"]["sha256"] == digests[:2]
    assert report["networks"]["theirs"]["sha256"] == digests[2:]
    assert report["command"].endswith("--precision f32 --out benchmarks/twins.1")
