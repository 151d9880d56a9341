"""How tracks become names: rules of fusion side by side, and the rate of strangers named against the rate asked for.

    python -m benchmarks.tracks --out benchmarks/tracks.json

Labeled Faces in the Wild, one photo enrolled, everybody walking towards a camera (training/evaluation/walks.py), eight
looks each. In one run each track shows one picture; in the other, tracks of people with three pictures or more show
all but the enrolled one. First, each rule gets the threshold at which 1 % or 0.1 % of the strangers are named. Then the
daemon's own parts (calibration, gallery, fusion, decision) are run as they ship: a stranger counts as named if a name
was ever said. Intervals: bootstrap over people, binomial at 0 and 100 %. Takes a quarter of an hour.
"""

import argparse
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import tell
from benchmarks.track_decisions import Outcome, decide_tracks, gallery_of
from daemon.identity.calibration import calibrate
from engine.embedder import Embedder
from engine.impostors import ImpostorTails
from engine.manifests import find_model
from engine.runtimes import Execution
from training.evaluate import crops_as_shipped
from training.evaluation.intervals import bootstrap_share
from training.evaluation.lfw import read_pairs
from training.evaluation.track_rules import RULES, Rule
from training.evaluation.tracks import Cast, Tracks, embed_tracks
from training.evaluation.weights import fidelity_by_exponent

FPIRS = (1e-2, 1e-3)
GALLERIES = {10: 3, 100: 2, 1000: 1}
"""How many galleries of each size are drawn."""
COMPARED_AT = 100
"""People in the galleries with which the rules are compared."""

Photos = NDArray[np.float32]


def rate(hits: NDArray[np.bool_], people: NDArray[np.intp]) -> dict[str, float | int]:
    """Returns the share of tracks in percent, its interval, and the counts."""
    figure = bootstrap_share(lambda drawn: float(hits[drawn].mean()), people)
    return {**asdict(figure), "tracks": len(hits), "of_them": int(hits.sum())}


def compare(rule: Rule, tracks: Tracks, photos: Photos, drawn: list[NDArray[np.intp]]) -> dict[str, object]:
    """Returns the share of known people's tracks that get no name or a wrong one, at each rate of strangers named."""
    right, reached, whose, false = [], [], [], []
    for enrolled in drawn:
        known = np.isin(tracks.people, enrolled)
        places, scores = rule(tracks.embeddings[known], tracks.qualities[known], photos[enrolled])
        right.append(enrolled[places] == tracks.people[known])
        reached.append(scores)
        whose.append(tracks.people[known])
        false.append(rule(tracks.embeddings[~known], tracks.qualities[~known], photos[enrolled])[1])
    return {
        f"fnir_percent_at_fpir_{fpir:g}": rate(
            ~np.concatenate(
                [r & (s > np.quantile(f, 1 - fpir)) for r, s, f in zip(right, reached, false, strict=True)]
            ),
            np.concatenate(whose),
        )
        for fpir in FPIRS
    }


def as_shipped(
    tracks: Tracks, photos: Photos, tails: ImpostorTails, drawn: list[NDArray[np.intp]], fpir: float
) -> dict[str, object]:
    """Returns what the daemon does with the tracks when it is asked for a rate."""
    thresholds, outcomes, whose, is_known = [], [], [], []
    for enrolled in drawn:
        calibration = calibrate(len(enrolled), photos[enrolled], tails, fpir)
        thresholds.append(calibration.threshold)
        with gallery_of(photos, enrolled) as gallery:
            outcomes += decide_tracks(tracks, gallery, calibration.threshold)
        whose.append(tracks.people)
        is_known.append(np.isin(tracks.people, enrolled))
    known, people = np.concatenate(is_known), np.concatenate(whose)
    return {
        "threshold": [round(min(thresholds), 4), round(max(thresholds), 4)],
        "fpir_percent": rate(_of(outcomes, ~known, lambda o: bool(o.names)), people[~known]),
        "fnir_percent": rate(_of(outcomes, known, lambda o: o.final != o.truth), people[known]),
        "ever_named_wrongly_percent": rate(_of(outcomes, known, lambda o: bool(o.names - {o.truth})), people[known]),
        "from_name_to_name": sum(o.flips for o in outcomes),
        "unknown_before_named_percent": rate(
            _of(outcomes, known, lambda o: o.final == o.truth and o.was_unknown), people[known]
        ),
    }


def _of(outcomes: list[Outcome], chosen: NDArray[np.bool_], told: Callable[[Outcome], bool]) -> NDArray[np.bool_]:
    return np.array([told(outcome) for outcome, is_chosen in zip(outcomes, chosen, strict=True) if is_chosen])


def measure(tracks: Tracks, photos: Photos, cast: Cast, tails: ImpostorTails) -> dict[str, object]:
    rng = np.random.default_rng(23)
    drawn = {
        size: [np.sort(rng.permutation(cast.enrollable)[:size]) for _ in range(count)]
        for size, count in GALLERIES.items()
    }
    return {
        "tracks": len(tracks),
        "rules_with_100_enrolled": {
            name: compare(rule, tracks, photos, drawn[COMPARED_AT]) for name, rule in RULES.items()
        },
        "as_shipped": {
            f"{size} enrolled, {fpir:g} asked": as_shipped(tracks, photos, tails, galleries, fpir)
            for size, galleries in drawn.items()
            for fpir in FPIRS
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default="deconv_v2")
    parser.add_argument("--models", type=Path, action="append", default=[], help="further folder with manifests")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    spec = find_model(args.embedder, args.models)
    if spec.impostors is None:
        parser.error(f"{spec.name} has no impostor tails: run `python -m training.fit_tails` with its manifest")
    embedder = Embedder.load(spec, Execution(threads=2))
    pairs = read_pairs()
    cast, crops = Cast.of(pairs.people), crops_as_shipped(pairs.names).pixels
    photos = embedder.embed(crops[cast.photos])
    shown = {"one picture": cast.one_picture_each(), "several pictures": cast.several_pictures_each()}
    report = {
        "command": f"python -m benchmarks.tracks {' '.join(sys.argv[1:])}",
        "machine": f"{platform.machine()} {platform.system()}",
        "versions": {name: version(name) for name in ("numpy", "opencv-python", "onnxruntime", "openvino", "scipy")},
        "embedder": {"name": spec.name, "sha256": spec.sha256, "impostors": spec.impostors.model_dump()},
        "fidelity_by_exponent": fidelity_by_exponent(embedder.embed),
    }
    strangers = embed_tracks(embedder.embed, crops, cast.strangers(), cast.person, seed=0)
    for seed, (name, pictures) in enumerate(shown.items(), start=1):
        tracks = strangers + embed_tracks(embedder.embed, crops, pictures, cast.person, seed)
        report[name] = measure(tracks, photos, cast, spec.impostors)
    tell(report, args.out)


if __name__ == "__main__":
    main()
