"""Whether as many strangers are named as was asked for, from ten people to a thousand, at large and within one group.

    python -m benchmarks.calibration --embeddings runs/calibration.npz --out benchmarks/calibration.json

For either kind of strangers that `identity.strangers_are` knows. Two populations. At large: Labeled Faces in the Wild,
one photo enrolled; 2,000 strangers and 900 tracks of people who may be known walk towards a camera, eight looks each
(training/evaluation/walks.py), and are fused, compared and decided as the daemon does; somebody counts as named if that
name was ever said. One group: people of one race and gender of FairFace (those on whom the tails were fitted), ten or
thirty of them enrolled, the others strangers. Intervals: bootstrap over strangers and galleries, over people, or over
groups; binomial at 0 and 100 % of strangers or people. --embeddings keeps what takes long.
"""

import argparse
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import tell
from config import IdentitySettings
from daemon.identity.calibration import calibrate
from daemon.identity.fusion import TrackFusion
from engine.embedder import Embedder
from engine.impostors import ImpostorTails, Strangers
from engine.manifests import ModelSpec, find_model
from engine.runtimes import Execution
from training.evaluate import crops_as_shipped
from training.evaluation.fairness import stranger_pairs
from training.evaluation.intervals import bootstrap, bootstrap_share
from training.evaluation.lfw import read_pairs
from training.evaluation.tails import SEED, fused_walk
from training.evaluation.tracks import Cast, Tracks, embed_tracks
from training.faces import load_faces, load_groups, split
from training.teachers import load_known

FPIRS = (1e-2, 1e-3)
KINDS: tuple[Strangers, ...] = ("alike", "anybody")
GALLERIES = {10: 40, 30: 20, 100: 20, 300: 8, 1000: 4}
"""How many galleries of each size are drawn."""
OF_ONE_GROUP = {10: 30, 30: 20}
STRANGERS, KNOWN = 2000, 900
BETWEEN_LOOKS_NS = 500_000_000

Vectors = NDArray[np.float32]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Faces:
    photos: Vectors
    """(P, D) of everybody at large."""
    enrollable: Places
    """Who of them may be known."""
    strangers: Vectors
    """(T, L, D) see `fused_so_far`."""
    known: Vectors
    """The same of those who may be known."""
    known_people: Places
    """(K,) who they are."""
    group_photos: Vectors
    """(H, D) of FairFace's held-out people."""
    group_tracks: Vectors
    """(H, D) their looks, fused."""


def embed_all(spec: ModelSpec) -> Faces:
    """Returns photos and fused looks of both populations."""
    embedder, pairs, rng = Embedder.load(spec, Execution(threads=2)), read_pairs(), np.random.default_rng(0)
    cast, crops = Cast.of(pairs.people), crops_as_shipped(pairs.names).pixels

    def walks(shown: list[list[int]], count: int, seed: int) -> Tracks:
        chosen = [shown[place] for place in rng.permutation(len(shown))[:count]]
        return embed_tracks(embedder.embed, crops, chosen, cast.person, seed)

    strangers, known = walks(cast.strangers(), STRANGERS, 0), walks(cast.one_picture_each(), KNOWN, 1)
    held_out = split(len(load_faces()))[1]
    people = np.stack([load_faces()[place] for place in held_out])
    return Faces(
        photos=embedder.embed(crops[cast.photos]),
        enrollable=cast.enrollable,
        strangers=fused_so_far(strangers),
        known=fused_so_far(known),
        known_people=known.people,
        group_photos=embedder.embed(people),
        group_tracks=np.stack([fused_walk(embedder.embed, [crop], (SEED, i)) for i, crop in enumerate(people)]),
    )


def fused_so_far(tracks: Tracks) -> Vectors:
    """Returns (T, L, D) what the daemon decides by after each look; 0 while there are too few."""
    fused = np.zeros_like(tracks.embeddings)
    for track, (looks, qualities) in enumerate(zip(tracks.embeddings, tracks.qualities, strict=True)):
        fusion = TrackFusion()
        for look, quality in enumerate(qualities.tolist()):
            if quality:
                fusion.add(looks[look], quality, look * BETWEEN_LOOKS_NS)
            embedding = fusion.embedding()
            if embedding is not None and fusion.observations >= IdentitySettings().least_observations:
                fused[track, look] = embedding
    return fused


def names(faces: Vectors, gallery: Vectors, threshold: float) -> Places:
    """Returns whose name each face of an array gets, -1: nobody's."""
    scores = faces @ gallery.T
    ordered = np.partition(scores, -2, axis=-1)
    is_named = (ordered[..., -1] >= threshold) & (ordered[..., -1] - ordered[..., -2] >= IdentitySettings().margin)
    return np.where(is_named, scores.argmax(-1), -1)


def at_large(faces: Faces, tails: ImpostorTails, size: int, fpir: float, kind: Strangers) -> dict[str, object]:
    """Returns how often strangers are named, and known people never rightly, over galleries drawn by chance."""
    rng, thresholds = np.random.default_rng(size), list[float]()
    names_said, misses, whose = list[Places](), list[bool](), list[int]()
    for _ in range(GALLERIES[size]):
        enrolled = rng.permutation(faces.enrollable)[:size]
        gallery = faces.photos[enrolled]
        thresholds.append(calibrate(size, gallery, tails, fpir, kind).threshold)
        names_said.append(names(faces.strangers, gallery, thresholds[-1]).max(1))
        is_known = np.isin(faces.known_people, enrolled)
        truth = faces.known_people[is_known]
        said = names(faces.known[is_known], gallery, thresholds[-1])
        is_right: NDArray[np.bool_] = (said >= 0) & (enrolled[said] == truth[:, None])
        misses += (is_right.sum(1) == 0).tolist()
        whose += truth.tolist()
    hits, missed = np.stack(names_said) >= 0, np.array(misses)
    return {
        "threshold": _mean_and_deviation(thresholds),
        "fpir_percent": asdict(
            bootstrap_share(lambda drawn, strangers: float(hits[np.ix_(drawn, strangers)].mean()), *hits.shape, of=1)
        ),
        "fnir_percent": asdict(bootstrap_share(lambda drawn: float(missed[drawn].mean()), np.array(whose))),
    }


def within_a_group(faces: Faces, tails: ImpostorTails, size: int, fpir: float, kind: Strangers) -> dict[str, object]:
    """Returns how often somebody of a group is taken for one of those of the group who are enrolled."""
    held_out = split(len(load_faces()))[1]
    groups, rng = load_groups()[held_out], np.random.default_rng(size)
    thresholds, rates = list[float](), list[float]()
    pairs = stranger_pairs(groups, load_known()[held_out])
    for group in np.unique(groups):
        members, shares = np.flatnonzero(groups == group), list[float]()
        for _ in range(OF_ONE_GROUP[size]):
            enrolled = rng.permutation(members)[:size]
            others = np.setdiff1d(members, enrolled)
            others = others[pairs[np.ix_(enrolled, others)].all(0)]
            gallery = faces.group_photos[enrolled]
            thresholds.append(calibrate(size, gallery, tails, fpir, kind).threshold)
            shares.append(float((names(faces.group_tracks[others], gallery, thresholds[-1]) >= 0).mean()))
        rates.append(float(np.mean(shares)))
    return {
        "threshold": _mean_and_deviation(thresholds),
        "fpir_percent": asdict(bootstrap(lambda drawn: float(np.array(rates)[drawn].mean()), len(rates))),
        "highest_of_a_group_percent": round(100 * max(rates), 2),
    }


def _mean_and_deviation(values: list[float]) -> list[float]:
    return [round(float(figure), 4) for figure in (np.mean(values), np.std(values))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default="deconv_v2")
    parser.add_argument("--embeddings", type=Path, help="kept here, and taken from here if it is there")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    spec = find_model(args.embedder)
    if spec.impostors is None or spec.impostors.anybody is None:
        parser.error(f"{spec.name} lacks impostor tails: run `python -m training.fit_tails` with its manifest")
    if args.embeddings and args.embeddings.exists():
        faces = Faces(**np.load(args.embeddings))
    else:
        faces = embed_all(spec)
        if args.embeddings:
            np.savez(args.embeddings, allow_pickle=False, **vars(faces))
    report = {
        "command": f"python -m benchmarks.calibration {' '.join(sys.argv[1:])}",
        "machine": f"{platform.machine()} {platform.system()}",
        "versions": {name: version(name) for name in ("numpy", "opencv-python", "onnxruntime", "openvino")},
        "embedder": {"name": spec.name, "sha256": spec.sha256},
        "tracks": {"strangers": len(faces.strangers), "known": len(faces.known), "of groups": len(faces.group_tracks)},
    }
    for name, measure, sizes in (("at large", at_large, GALLERIES), ("one group", within_a_group, OF_ONE_GROUP)):
        report |= {
            f"{name}: {size} enrolled, {fpir:g} asked, {kind}": measure(faces, spec.impostors, size, fpir, kind)
            for size in sizes
            for fpir in FPIRS
            for kind in KINDS
        }
    tell(report, args.out)


if __name__ == "__main__":
    main()
