"""What the demo's daemon got right and wrong, told from its events and the scenes' ground truth."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from daemon.demo.scene import Scene
from deconvid_client import Event

WORDS = ("face.identified", "face.unknown", "face.corrected")
"""Kinds of events that say who somebody is."""


@dataclass(frozen=True, slots=True)
class Latency:
    """From a frame's arrival to the event that it led to, in milliseconds."""

    p50: float
    p95: float


@dataclass(slots=True)
class Verdict:
    """Collects events; tells at the end whether the demo succeeded."""

    scenes: Mapping[str, Scene]
    enrolled: Sequence[str]
    identified: Counter[str] = field(default_factory=Counter)
    """Right identifications, by person."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Decisions for `unknown`, by the person who really was there."""
    wrong: list[str] = field(default_factory=list)
    """Everybody who was called by somebody else's name."""
    latencies_ms: list[float] = field(default_factory=list)

    def take(self, event: Event) -> None:
        if event.kind not in WORDS or event.camera is None or not event.data["box"]:
            return
        self.latencies_ms.append(event.data["latency_ms"])
        x1, _, x2, _ = event.data["box"]
        actor = self.scenes[event.camera].person_at((x1 + x2) / 2, event.data["frame_size"][0])
        if event.person is None:
            self.unknown[actor] += 1
        elif event.person.name == actor:
            self.identified[actor] += 1
        else:
            self.wrong.append(f"{actor} was called {event.person.name} (score {event.data['score']:.2f})")

    @property
    def missing(self) -> list[str]:
        return [person for person in self.enrolled if not self.identified[person]]

    @property
    def succeeded(self) -> bool:
        return not self.missing and not self.wrong

    @property
    def latency(self) -> Latency | None:
        if not self.latencies_ms:
            return None
        p50, p95 = np.percentile(self.latencies_ms, [50, 95])
        return Latency(round(float(p50), 1), round(float(p95), 1))
