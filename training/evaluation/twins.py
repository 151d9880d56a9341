"""Does the deconvolution path help? Networks that differ in one part, some seeds each, beside one another.

    deconvid eval twins runs/deconv_v2.*.pt runs/plain_v2.*.pt --out benchmarks/twins

Verification on Labeled Faces in the Wild, clean and with the second picture degraded. A difference comes with the
interval that pictures drawn anew and seeds drawn anew would leave it in; one that holds 0 is a tie. The network named
first is compared with each of the others. Also how much of a held-out face's features each misses, before what mends
them and behind it. Writes OUT.json.
"""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.detectors import load_detector
from engine.manifests import find_model
from engine.runtimes import Execution, Precision
from training.checkpoints import read_weights, sha256_of
from training.evaluation.fairness import Embed
from training.evaluation.intervals import Figure, bootstrap
from training.evaluation.lfw import Pairs, read_crops, read_pairs
from training.evaluation.mending import features_missed, load_reference
from training.evaluation.robustness import degradations
from training.evaluation.verification import fold_accuracies, tar_at_far
from training.export import draft
from training.faces import load_faces, split
from training.paths import with_ending
from training.recipe import TrainingError

FAR = 1e-2
MENDED_FACES = 128
Value = TypeVar("Value")
Places = NDArray[np.intp]
Scores = Mapping[str, NDArray[np.float32]]
"""By probe, the cosine of each pair."""


def score(embedders: Sequence[Embed], crops: NDArray[np.uint8], pairs: Pairs) -> Sequence[Scores]:
    """Compares each pair's first picture with the second one as each probe makes it; minutes for each embedder."""
    first, second = pairs.indices.T
    degraded, places = np.unique(second, return_inverse=True)
    clean = [embed(crops) for embed in embedders]
    scores: list[dict[str, NDArray[np.float32]]] = [{} for _ in embedders]
    for probe, degradation in degradations(np.random.default_rng(1)).items():
        seen = np.stack([degradation(crop) for crop in crops[degraded]])
        for embed, known, by_probe in zip(embedders, clean, scores, strict=True):
            by_probe[probe] = (known[first] * embed(seen)[places]).sum(1)
        print(f"{probe}: scored", flush=True)
    return scores


def difference(ours: Sequence[Scores], theirs: Sequence[Scores], probe: str, same: NDArray[np.bool_]) -> Figure:
    """Returns by how many points the mean TAR at FAR 1e-2 of our seeds is above that of theirs."""
    genuine, impostor = np.flatnonzero(same), np.flatnonzero(~same)

    def statistic(true: Places, false: Places, our_seeds: Places, their_seeds: Places) -> float:
        of_one, of_two = genuine[true], impostor[false]
        of_ours, of_theirs = (
            np.mean([tar_at_far(side[seed][probe][of_one], side[seed][probe][of_two], FAR) for seed in seeds])
            for side, seeds in ((ours, our_seeds), (theirs, their_seeds))
        )
        return float(of_ours - of_theirs)

    return bootstrap(statistic, len(genuine), len(impostor), len(ours), len(theirs))


def compare(checkpoints: Sequence[Path], detector: str, size_px: int, out: Path, precision: Precision = "f32") -> None:
    """Prints a table and writes the report.

    Args:
        checkpoints: of at least two networks, all seeds of each.
        detector: whose landmarks align the faces.
        size_px: at which it looks at LFW's portraits.
        out: path without ending.
        precision: of the networks; BF16 takes half the time, where the processor has it.

    Raises:
        TrainingError: a checkpoint cannot be read, or all are of one network.
    """
    read = [read_weights(path) for path in checkpoints]
    networks = [checkpoint["recipe"]["network"] for checkpoint in read]
    ours, *others = dict.fromkeys(networks)
    if not others:
        raise TrainingError(f"all checkpoints are of {ours}. Name some of another network too")
    pairs, faces = read_pairs(), load_faces()
    found = load_detector(find_model(detector), size_px=size_px, how=Execution(threads=2))
    with TemporaryDirectory() as folder:
        embedders = [
            draft(checkpoint, Path(folder) / str(number), Execution("openvino", 2, precision)).embed
            for number, checkpoint in enumerate(read)
        ]
        scores = _by_network(networks, score(embedders, read_crops(found, pairs.names).pixels, pairs))
    held_out, teach = [np.array(faces[i]) for i in split(len(faces))[1][:MENDED_FACES]], load_reference()
    missed = _by_network(networks, [features_missed(checkpoint, held_out, teach) for checkpoint in read])
    seen = _by_network(networks, [checkpoint["seen"] for checkpoint in read])
    digests = _by_network(networks, [sha256_of(path) for path in checkpoints])
    report = {
        "command": f"deconvid eval twins {' '.join(path.name for path in checkpoints)} --detector {detector}"
        f" --precision {precision} --out benchmarks/{out.name}",
        "machine": f"{platform.machine()} {platform.system()}",
        "versions": {name: version(name) for name in ("numpy", "opencv-python", "openvino", "torch")},
        "networks": {
            name: {
                "sha256": digests[name],
                "faces_seen": seen[name],
                "seeds": [figures(each, pairs.same) for each in scores[name]],
                "features_missed_percent": missed[name],
            }
            for name in scores
        },
        "tar_at_far_1e_2_points_more": {
            f"{ours} than {other}": {
                probe: asdict(difference(scores[ours], scores[other], probe, pairs.same)) for probe in scores[ours][0]
            }
            for other in others
        },
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with_ending(out, ".json").write_text(json.dumps(report, indent=1) + "\n")
    print(table(report["tar_at_far_1e_2_points_more"]))  # type: ignore[arg-type]


def _by_network(networks: Sequence[str], values: Sequence[Value]) -> dict[str, list[Value]]:
    """Returns the values of each network's seeds."""
    grouped: dict[str, list[Value]] = {}
    for network, value in zip(networks, values, strict=True):
        grouped.setdefault(network, []).append(value)
    return grouped


def figures(scores: Scores, same: NDArray[np.bool_]) -> dict[str, float]:
    """Returns the accuracy on clean pictures and TAR at FAR 1e-2 by probe, in percent."""
    accuracy = 100 * float(np.mean(fold_accuracies(scores["clean"], same)))
    shares = {probe: 100 * tar_at_far(values[same], values[~same], FAR) for probe, values in scores.items()}
    return {name: round(value, 2) for name, value in {"lfw": accuracy, **shares}.items()}


def table(differences: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Returns Markdown: a line for each probe, a column for each pair of networks."""
    probes = list(next(iter(differences.values())))
    head = ["probe", *differences]
    lines = [
        [
            probe,
            *("{value:+.2f} ({low:+.2f} to {high:+.2f})".format(**column[probe]) for column in differences.values()),
        ]
        for probe in probes
    ]
    return "\n".join(" | ".join(cells) for cells in [head, ["---"] * len(head), *lines])
