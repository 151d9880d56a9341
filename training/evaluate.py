"""Measures embedders side by side, through the detection and alignment that ship.

    deconvid eval embedders deconv_v2 mobilefacenet_foamliu --out benchmarks/embedders

Verification and open-set identification on Labeled Faces in the Wild, clean and with one side degraded, and false
match rates by FairFace's groups. No flip, one crop a picture, cosine. LFW's pictures never train anything. A name is
one of a manifest, or of a network in shared/models. Writes OUT.json and OUT.html.
"""

import hashlib
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.detectors import load_detector
from engine.manifests import find_model
from engine.runtimes import Execution
from training.evaluation.embedders import load_embedder
from training.evaluation.fairness import Embed, Strangers, compare_strangers
from training.evaluation.identification import identify
from training.evaluation.lfw import FOLDER, Crops, Pairs, read_crops, read_pairs
from training.evaluation.report import Measured, page, to_json
from training.evaluation.robustness import degradations
from training.evaluation.verification import verify
from training.faces import load_faces, load_groups, split
from training.paths import with_ending
from training.teachers import load_known

DETECTOR_SIZE_PX = 320
"""Suits LFW's portraits of 250 px."""

IDENTIFIED = ("clean", "16 px")
"""Probes with which identification is measured too."""


def crops_as_shipped(names: list[str], detector: str = "finder_v1") -> Crops:
    return read_crops(load_detector(find_model(detector), size_px=DETECTOR_SIZE_PX, how=Execution(threads=2)), names)


def held_out_strangers(embed: Embed) -> Strangers:
    """Compares the FairFace faces on which nothing was trained."""
    faces = load_faces()
    held_out = split(len(faces))[1]
    crops = np.stack([faces[i] for i in held_out])
    return compare_strangers(embed, crops, load_groups()[held_out], load_known()[held_out])


def measure(name: str, embed: Embed, sha256: str, pairs: Pairs, crops: NDArray[np.uint8]) -> Measured:
    """Returns every figure of an embedder; takes minutes."""
    first, second = pairs.indices.T
    clean = embed(crops)
    verification, identification, clean_scores = {}, {}, np.zeros(0, np.float32)
    # One generator for all: the same seed degrades the same pictures for every embedder.
    for probe, degradation in degradations(np.random.default_rng(1)).items():
        seen = clean if probe == "clean" else embed(np.stack([degradation(crop) for crop in crops]))
        scores = (clean[first] * seen[second]).sum(1)
        verification[probe] = verify(scores, pairs.same)
        if probe == "clean":
            clean_scores = scores
        if probe in IDENTIFIED:
            identification[probe] = identify(clean, seen, pairs.people)
    strangers = held_out_strangers(embed)
    rates = strangers.rates(strangers.threshold(1e-3))
    return Measured(name, sha256, verification, identification, rates, clean_scores)


def evaluate(names: Sequence[str], detector: str, folders: Sequence[Path], out: Path) -> None:
    """Writes the report.

    Args:
        names: of embedders.
        detector: whose landmarks align the faces.
        folders: further ones with manifests.
        out: path without ending.
    """
    pairs = read_pairs()
    crops = crops_as_shipped(pairs.names, detector)
    measured = []
    for name in names:
        embed, digest = load_embedder(name, folders)
        measured.append(measure(name, embed, digest, pairs, crops.pixels))
        print(name, measured[-1].verification["clean"], flush=True)
    command = f"deconvid eval embedders {' '.join(names)} --detector {detector} --out benchmarks/{out.name}"
    report = {
        "command": command,
        "machine": f"{platform.machine()} {platform.system()}",
        "versions": {name: version(name) for name in ("numpy", "opencv-python", "onnxruntime", "openvino")},
        "detector": detector,
        "pictures": len(pairs.names),
        "missed_by_detector": crops.missed,
        "lfw_pairs_sha256": hashlib.sha256((FOLDER / "pairs.txt").read_bytes()).hexdigest(),
        "embedders": [to_json(each) for each in measured],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with_ending(out, ".json").write_text(json.dumps(report, indent=1) + "\n")
    with_ending(out, ".html").write_text(page("DeconvID: embedders", command, measured, pairs.same))
