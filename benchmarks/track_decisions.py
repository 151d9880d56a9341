"""Tracks through the daemon's own gallery, fusion and decision, look by look."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from config import IdentitySettings
from daemon.identity import PENDING, Decision, DecisionRules, Gallery, TrackFusion, decide
from daemon.store import Enrolment, NewTemplate, Store
from training.evaluation.tracks import Tracks

MODEL = "0" * 64
BETWEEN_LOOKS_NS = 500_000_000


@dataclass(slots=True)
class Outcome:
    truth: int
    """Whose track it is."""
    final: int | None = None
    """Whose it is held to be in the end; None: nobody's who is known."""
    names: set[int] = field(default_factory=set)
    """Everybody after whom it was ever named."""
    flips: int = 0
    """From one name to another."""
    was_unknown: bool = False
    """Whether `face.unknown` was said before anything else."""


@contextmanager
def gallery_of(photos: NDArray[np.float32], enrolled: NDArray[np.intp]) -> Iterator[Gallery]:
    """Yields the gallery in which these people have a photo each; their names are their numbers.

    Args:
        photos: (P, D) of everybody.
        enrolled: (E,) who is known.
    """
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "identities.sqlite") as store:
        store.people.enrol_all(
            Enrolment(str(person), NewTemplate(photos[person], MODEL, quality=1.0, crop=b"", source=""))
            for person in enrolled.tolist()
        )
        yield Gallery.load(store, MODEL)


def decide_tracks(tracks: Tracks, gallery: Gallery, threshold: float) -> list[Outcome]:
    """Returns what became of each track under the default settings and this threshold."""
    settings = IdentitySettings()
    rules = DecisionRules(
        threshold=threshold,
        margin=settings.margin,
        hysteresis=settings.hysteresis,
        least_observations=settings.least_observations,
        nearness=settings.nearness,
        patience=settings.patience,
    )
    return [
        _decide_track(tracks.embeddings[i], tracks.qualities[i], int(tracks.people[i]), gallery, rules)
        for i in range(len(tracks))
    ]


def _decide_track(
    embeddings: NDArray[np.float32],
    qualities: NDArray[np.float32],
    truth: int,
    gallery: Gallery,
    rules: DecisionRules,
) -> Outcome:
    outcome, fusion, held = Outcome(truth), TrackFusion(), PENDING
    for look, quality in enumerate(qualities.tolist()):
        if not quality:
            continue
        fusion.add(embeddings[look], quality, look * BETWEEN_LOOKS_NS)
        embedding = fusion.embedding()
        if embedding is not None:
            match = gallery.match(embedding, held.person)
            decision = decide(match, fusion.observations, held, rules)
            _note(outcome, held, decision)
            held = decision
    outcome.final = int(held.person.name) if held.person else None
    return outcome


def _note(outcome: Outcome, held: Decision, decision: Decision) -> None:
    if held.person and decision.person and held.person != decision.person:
        outcome.flips += 1
    if decision.person:
        outcome.names.add(int(decision.person.name))
    elif decision.state == "unknown" and not outcome.names:
        outcome.was_unknown = True
