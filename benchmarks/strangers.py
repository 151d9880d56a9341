"""Whether strangers come back under their number: Labeled Faces in the Wild, everybody unknown, in an order by chance.

    python -m benchmarks.strangers --out benchmarks/strangers.json

Every picture is a track: somebody walking towards a camera (training/evaluation/walks.py), eight looks, fused as the
daemon fuses them. Of each person at most four pictures are shown; half of the people have one picture only. What is
measured is what `daemon.identity.sightings` makes of it, with the threshold that the daemon computes for the rate that
is asked for. Intervals: bootstrap over people, binomial at 0 and 100 %.
"""

import argparse
import platform
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import tell
from config import StrangerSettings
from daemon.identity.calibration import threshold
from daemon.identity.fusion import TrackFusion
from daemon.identity.sightings import Sighting, StrangerRules, see
from daemon.identity.strangers import Crowd
from daemon.store.stranger_records import Likeness
from engine.embedder import Embedder
from engine.impostors import ImpostorTail
from engine.manifests import find_model
from engine.runtimes import Execution
from training.evaluate import crops_as_shipped
from training.evaluation.intervals import bootstrap_share
from training.evaluation.lfw import read_pairs
from training.evaluation.tracks import Tracks, embed_tracks

FPIRS = (1e-2, 1e-3)
MOST_PICTURES = 4
LOOK_NS = 200_000_000
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Tally:
    """By person: how many tracks there were of a kind, and how many of them went right or wrong."""

    first: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    taken_for_another: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    again: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    under_own_number: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    under_anothers: dict[int, int] = field(default_factory=lambda: defaultdict(int))


def choose(people: NDArray[np.intp], count: int, rng: np.random.Generator) -> list[int]:
    """Returns the pictures of so many people."""
    pictures = defaultdict[int, list[int]](list)
    for place in rng.permutation(len(people)):
        pictures[int(people[place])].append(int(place))
    several = [own[:MOST_PICTURES] for own in pictures.values() if len(own) > 1][: count // 2]
    single = [own for own in pictures.values() if len(own) == 1][: count - len(several)]
    return [place for own in (*several, *single) for place in own]


def fused(tracks: Tracks) -> list[tuple[NDArray[np.float32], float]]:
    """Returns each track's embedding and best quality."""
    found = []
    for looks, qualities in zip(tracks.embeddings, tracks.qualities, strict=True):
        fusion = TrackFusion()
        for number, (look, quality) in enumerate(zip(looks, qualities, strict=True)):
            if quality > 0:
                fusion.add(look, float(quality), number * LOOK_NS)
        embedding = fusion.embedding()
        assert embedding is not None
        found.append((embedding, float(qualities.max())))
    return found


def parade(tracks: Tracks, tail: ImpostorTail, fpir: float, rng: np.random.Generator) -> dict[str, object]:
    settings = StrangerSettings()
    rules = StrangerRules(0, 0.05, settings.most_likenesses, settings.most)
    crowd, tally = Crowd(), Tally()
    holders: dict[int, list[int]] = {}
    """The tracks under each number."""
    whose: dict[int, int] = {}
    merges = splits = 0
    looks = fused(tracks)
    for number, place in enumerate(rng.permutation(len(tracks))):
        (embedding, quality), person = looks[place], int(tracks.people[place])
        at = START + timedelta(minutes=number)
        rules = replace(rules, threshold=threshold(fpir, crowd.likenesses, tail))
        crowd, outcome = see(crowd, Sighting(Likeness(number, embedding, quality, "lfw", at), at), rules)
        merges, splits = merges + len(outcome.merged), splits + len(outcome.split)
        for gone, into in outcome.merged.items():
            holders[into] = holders.get(into, []) + holders.pop(gone)
        for new, old in outcome.split.items():
            gone_too = {one.id for one in crowd.strangers[new].likenesses}
            holders[new] = [track for track in holders[old] if track in gone_too]
            holders[old] = [track for track in holders[old] if track not in gone_too]
        before = holders.setdefault(outcome.stranger, [])
        _count(tally, person, [whose[track] for track in before], person in whose.values())
        before.append(number)
        whose[number] = person
    return {
        "threshold_at_the_end": round(rules.threshold, 4),
        "numbers": len(crowd.strangers),
        "merged": merges,
        "split": splits,
        "first_time_taken_for_another_percent": _rate(tally.taken_for_another, tally.first),
        "again_under_own_number_percent": _rate(tally.under_own_number, tally.again),
        "again_under_anothers_percent": _rate(tally.under_anothers, tally.again),
        **_pairs([[whose[track] for track in held] for held in holders.values()], tracks.people),
    }


def _count(tally: Tally, person: int, before: list[int], is_again: bool) -> None:
    kind = tally.again if is_again else tally.first
    kind[person] += 1
    if not before:
        return
    is_own = before.count(person) * 2 > len(before)
    if is_again:
        (tally.under_own_number if is_own else tally.under_anothers)[person] += 1
    else:
        tally.taken_for_another[person] += 1


def _rate(hits: dict[int, int], all_: dict[int, int]) -> dict[str, float | int]:
    """Returns the share in percent, its interval, and the counts."""
    people = sorted(all_)
    found, total = np.array([hits.get(p, 0) for p in people]), np.array([all_[p] for p in people])
    figure = bootstrap_share(lambda drawn: float(found[drawn].sum() / total[drawn].sum()), len(people))
    return {**asdict(figure), "tracks": int(total.sum()), "of_them": int(found.sum())}


def _pairs(holders: list[list[int]], people: NDArray[np.intp]) -> dict[str, object]:
    """Returns how pure numbers are, and how whole people."""
    together = same = 0
    for held in holders:
        counts = np.unique(held, return_counts=True)[1]
        together += len(held) * (len(held) - 1) // 2
        same += int((counts * (counts - 1) // 2).sum())
    counts = np.unique(people, return_counts=True)[1]
    return {
        "pairs_under_one_number_that_are_one_person_percent": round(100 * same / max(together, 1), 2),
        "pairs_of_one_person_under_one_number_percent": round(100 * same / int((counts * (counts - 1) // 2).sum()), 2),
        "numbers_with_several_people": sum(len(set(held)) > 1 for held in holders),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default="deconv_v2")
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    spec = find_model(args.embedder)
    if spec.impostors is None:
        parser.error(f"{spec.name} has no impostor tails: run `python -m training.fit_tails` with its manifest")
    embedder, pairs = Embedder.load(spec, Execution(threads=2)), read_pairs()
    people = np.unique(pairs.people, return_inverse=True)[1]
    rng = np.random.default_rng(7)
    chosen = choose(people, args.people, rng)
    crops = crops_as_shipped([pairs.names[place] for place in chosen]).pixels
    shown = [[place] for place in range(len(chosen))]
    tracks = embed_tracks(embedder.embed, crops, shown, people[chosen], seed=7)
    report = {
        "command": f"python -m benchmarks.strangers {' '.join(sys.argv[1:])}",
        "machine": f"{platform.machine()} {platform.system()}",
        "embedder": {"name": spec.name, "sha256": spec.sha256},
        "data": {"set": "LFW", "pictures": len(chosen), "tracks": len(tracks), "people": len(set(tracks.people))},
        "asked": {
            f"{fpir:g}": parade(tracks, spec.impostors.tracks, fpir, np.random.default_rng(11)) for fpir in FPIRS
        },
        "versions": {name: version(name) for name in ("numpy", "opencv-python", "onnxruntime", "openvino")},
    }
    tell(report, args.out)


if __name__ == "__main__":
    main()
