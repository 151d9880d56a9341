"""What decides what comes out of a training run: one TOML file.

Dataclasses, checked by hand: this must run where there is nothing but PyTorch, NumPy and OpenCV.
"""

import tomllib
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self, get_type_hints

from config.errors import DeconvIDError


class TrainingError(DeconvIDError):
    """A run that cannot start or go on; the last good checkpoint is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What all runs have in common. Unknown keys are refused; it is saved beside the weights."""

    NETWORKS: ClassVar[Collection[str]] = ()

    network: str
    """One of `NETWORKS`."""
    samples: int | None = None
    """Faces or scenes to see; the learning rate ends its cosine there."""
    minutes: float | None = None
    """Or so long: a run that must end by some hour anneals by the clock. Whichever comes first ends it."""
    batch: int = 128
    learning_rate: float = 2e-3
    """At its peak."""
    weight_decay: float = 0.02
    warm_up: float = 0.03
    """Share of the run in which the learning rate rises."""
    average_decay: float = 0.999
    """Of the running average of the weights, per step; the average is what is scored and exported."""
    validate_every_s: float = 300
    """Seconds between scores, each of which also saves: so much of a killed run is done again."""
    seed: int = 1

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises TrainingError: with every problem of the file."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise TrainingError(f"{path}: cannot be read ({error.strerror}). Name a recipe") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise TrainingError(f"{path}: is not TOML ({error}). Correct the syntax") from error
        if faults := cls._faults(values):
            raise TrainingError(f"{path}: {'; '.join(faults)}. Correct it; {cls.__module__} lists every key")
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def progress(self, samples: int, minutes: float) -> float:
        """Returns how much of the run is done, 0..1."""
        shares = [samples / self.samples if self.samples else 0.0, minutes / self.minutes if self.minutes else 0.0]
        return min(1.0, max(shares))

    @classmethod
    def _faults(cls, values: dict[str, Any]) -> list[str]:
        hints, faults = get_type_hints(cls), []
        known = {field.name for field in fields(cls)}
        for key, value in values.items():
            if key not in known:
                faults.append(f"{key} is not a setting")
            elif key == "network":
                if value not in cls.NETWORKS:
                    faults.append(f"network is none of {', '.join(cls.NETWORKS)}")
            elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                faults.append(f"{key} is no number from 0 up")
            elif isinstance(value, float) and hints[key] in (int, int | None):
                faults.append(f"{key} is no whole number")
        if "network" not in values:
            faults.append("network is missing")
        if not values.get("samples") and not values.get("minutes"):
            faults.append("neither samples nor minutes says when to stop")
        if values.get("batch", 2) == 1:
            faults.append("batch is 1: there would be nobody to tell a face from")
        return faults
