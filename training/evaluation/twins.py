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

import numpy as np
from numpy.typing import NDArray

from engine.detectors import load_detector
from engine.manifests import find_model
from engine.runtimes import Execution, Precision
from training.checkpoints import read_weights
from training.evaluation.fairness import Embed
from training.evaluation.intervals import Figure, bootstrap
from training.evaluation.lfw import Pairs, read_crops, read_pairs
from training.evaluation.mending import features_missed, load_reference
from training.evaluation.robustness import degradations
from training.evaluation.verification import fold_accuracies, tar_at_far
from training.export import draft
from training.faces import load_faces, split
from training.recipe import TrainingError

FAR = 1e-2
MENDED_FACES = 128
Scores = Mapping[str, NDArray[np.float32]]
"""By probe, the cosine of each pair."""


def score(embed: Embed, crops: NDArray[np.uint8], pairs: Pairs) -> Scores:
    """Compares each pair's first picture with the second one as each probe makes it; takes minutes."""
    first, second = pairs.indices.T
    clean, scores = embed(crops), {}
    # One generator for all: the same seed degrades the same pictures for every embedder.
    for probe, degradation in degradations(np.random.default_rng(1)).items():
        seen = clean if probe == "clean" else embed(np.stack([degradation(crop) for crop in crops]))
        scores[probe] = (clean[first] * seen[second]).sum(1)
    return scores


def difference(ours: Sequence[Scores], theirs: Sequence[Scores], probe: str, same: NDArray[np.bool_]) -> Figure:
    """Returns by how many points the mean TAR at FAR 1e-2 of our seeds is above that of theirs."""

    def statistic(drawn: NDArray[np.intp], our_seeds: NDArray[np.intp], their_seeds: NDArray[np.intp]) -> float:
        of_ours, of_theirs = (
            np.mean([tar_at_far(side[seed][probe][drawn], same[drawn], FAR) for seed in seeds])
            for side, seeds in ((ours, our_seeds), (theirs, their_seeds))
        )
        return float(of_ours - of_theirs)

    return bootstrap(statistic, len(same), len(ours), len(theirs))


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
    pairs = read_pairs()
    crops = read_crops(
        load_detector(find_model(detector), size_px=size_px, how=Execution(threads=2)), pairs.names
    ).pixels
    scores: dict[str, list[Scores]] = {}
    seen: dict[str, list[int]] = {}
    missed: dict[str, list[dict[str, dict[str, float]]]] = {}
    held_out, teach = [np.array(load_faces()[i]) for i in split(len(load_faces()))[1][:MENDED_FACES]], load_reference()
    for path in checkpoints:
        checkpoint = read_weights(path)
        network = checkpoint["recipe"]["network"]
        with TemporaryDirectory() as folder:
            embedder = draft(checkpoint, Path(folder) / network, Execution("openvino", 2, precision))
            scores.setdefault(network, []).append(score(embedder.embed, crops, pairs))
        seen.setdefault(network, []).append(checkpoint["seen"])
        missed.setdefault(network, []).append(features_missed(checkpoint, held_out, teach))
        print(f"{path.name}: {figures(scores[network][-1], pairs.same)}", flush=True)
    ours, *others = scores
    if not others:
        raise TrainingError(f"all checkpoints are of {ours}. Name some of another network too")
    report = {
        "command": f"deconvid eval twins {' '.join(path.name for path in checkpoints)} --detector {detector}"
        f" --precision {precision}",
        "machine": f"{platform.machine()} {platform.system()}",
        "versions": {name: version(name) for name in ("numpy", "opencv-python", "openvino", "torch")},
        "networks": {
            name: {
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
    out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    print(table(report["tar_at_far_1e_2_points_more"]))  # type: ignore[arg-type]


def figures(scores: Scores, same: NDArray[np.bool_]) -> dict[str, float]:
    """Returns the accuracy on clean pictures and TAR at FAR 1e-2 by probe, in percent."""
    accuracy = 100 * float(np.mean(fold_accuracies(scores["clean"], same)))
    shares = {probe: 100 * tar_at_far(values, same, FAR) for probe, values in scores.items()}
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
