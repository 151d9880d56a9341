"""How a person with several templates should be compared: the experiment behind the rule in docs/search.md.

    python -m benchmarks.gallery_rule --out benchmarks/gallery-rule.json

Labeled Faces in the Wild: everybody with more than 2, 3 or 5 pictures is enrolled with so many of them, drawn at
random; their other pictures are looked for, and those of everybody else are strangers. Each rule gets the threshold at
which 1 in 100 strangers is given a name. Intervals: bootstrap over people and over
strangers, each with all pictures of theirs, the same draws for every rule; binomial at 0 and 100 %.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import tell
from engine.embedder import Embedder
from engine.manifests import find_model
from engine.runtimes import Execution
from training.evaluate import crops_as_shipped
from training.evaluation.intervals import bootstrap, bootstrap_share
from training.evaluation.lfw import read_pairs
from training.evaluation.robustness import degradations

Scores = NDArray[np.float32]

TEMPLATES = (2, 3, 5)
FPIR = 1e-2
FMR = 1e-3
PROBES = ("clean", "24 px")


def mean_of_best(scores: Scores, count: int) -> Scores:
    """(Q, T) cosines of one person's templates to (Q,)."""
    return np.asarray(np.sort(scores, axis=1)[:, -count:].mean(1))


def fused(probes: Scores, templates: Scores) -> Scores:
    mean = templates.mean(0)
    return np.asarray(probes @ (mean / np.linalg.norm(mean)))


RULES: dict[str, Callable[[Scores, Scores], Scores]] = {
    "best": lambda probes, templates: (probes @ templates.T).max(1),
    "mean of best 2": lambda probes, templates: mean_of_best(probes @ templates.T, 2),
    "mean of best 3": lambda probes, templates: mean_of_best(probes @ templates.T, 3),
    "fused": fused,
    "best of templates and fused": lambda probes, templates: np.maximum(
        (probes @ templates.T).max(1), fused(probes, templates)
    ),
}


def enrol(people: NDArray[np.str_], count: int) -> dict[str, NDArray[np.intp]]:
    """Returns the pictures with which everybody who is enrolled is enrolled."""
    rng = np.random.default_rng(3)
    names, pictures = np.unique(people, return_counts=True)
    return {str(name): rng.permutation(np.flatnonzero(people == name))[:count] for name in names[pictures > count]}


def compare(clean: Scores, seen: Scores, people: NDArray[np.str_], count: int) -> dict[str, object]:
    """Measures every rule on pictures that are enrolled clean and looked for as they are seen."""
    templates = enrol(people, count)
    names = np.array(list(templates))
    probes = np.setdiff1d(np.flatnonzero(np.isin(people, names)), np.concatenate(list(templates.values())))
    strangers = np.flatnonzero(~np.isin(people, names))
    single = np.quantile(seen[strangers] @ clean[[own[0] for own in templates.values()]].T, 1 - FMR)
    right, best, false, times = {}, {}, {}, {}
    looks, others = seen[probes], seen[strangers]
    for rule, score in RULES.items():
        mated = np.stack([score(looks, clean[own]) for own in templates.values()], axis=1)
        right[rule], best[rule] = names[mated.argmax(1)] == people[probes], mated.max(1)
        impostors = np.stack([score(others, clean[own]) for own in templates.values()], axis=1)
        false[rule], times[rule] = impostors.max(1), float((impostors > single).mean()) / FMR

    def missed(rule: str) -> Callable[[NDArray[np.intp], NDArray[np.intp]], float]:
        def share(mated: NDArray[np.intp], others: NDArray[np.intp]) -> float:
            threshold = np.quantile(false[rule][others], 1 - FPIR)
            return float(1 - (right[rule][mated] & (best[rule][mated] > threshold)).mean())

        return share

    def saved(rule: str) -> Callable[[NDArray[np.intp], NDArray[np.intp]], float]:
        return lambda mated, others: missed("best")(mated, others) - missed(rule)(mated, others)

    whose = people[probes], people[strangers]
    return {
        "templates_each": count,
        "people": len(names),
        "probes": len(probes),
        "strangers": len(strangers),
        "rules": {
            rule: {
                "fnir_at_fpir_1e_2": asdict(bootstrap_share(missed(rule), *whose)),
                "below_best": asdict(bootstrap(saved(rule), *whose)),
                "strangers_above_single_fmr_1e_3": round(times[rule], 2),
            }
            for rule in RULES
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="deconv_v2")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    pairs, embedder = read_pairs(), Embedder.load(find_model(args.model), Execution(threads=2))
    crops = crops_as_shipped(pairs.names).pixels
    clean, rng = embedder.embed(crops), np.random.default_rng(1)
    ways = degradations(rng)
    seen = {name: embedder.embed(np.stack([ways[name](crop) for crop in crops])) for name in PROBES}
    result = {
        "command": f"python -m benchmarks.gallery_rule {' '.join(sys.argv[1:])}",
        "model": {"name": args.model, "sha256": embedder.digest},
        "fpir": FPIR,
        "probes": {
            name: [compare(clean, looks, pairs.people, count) for count in TEMPLATES] for name, looks in seen.items()
        },
    }
    tell(result, args.out)


if __name__ == "__main__":
    main()
