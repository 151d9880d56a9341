"""What decides what comes out of a training run: one TOML file."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from config.errors import DeconvIDError
from training.networks import NETWORKS


class TrainingError(DeconvIDError):
    """A run that cannot start or go on; the last good checkpoint is kept."""


class Recipe(BaseModel):
    """Unknown keys are refused; it is saved beside the weights."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    network: str
    """One of training.networks.NETWORKS."""
    faces: int | None = Field(None, ge=1)
    """Faces to see; the learning rate ends its cosine there."""
    minutes: float | None = Field(None, gt=0)
    """Or so long: a run that must end with the sitting anneals by the clock. Whichever comes first ends it."""
    batch: int = Field(128, ge=2)
    learning_rate: float = Field(2e-3, gt=0)
    """At its peak."""
    weight_decay: float = Field(0.02, ge=0)
    warm_up: float = Field(0.03, ge=0, lt=1)
    """Share of the run in which the learning rate rises."""
    average_decay: float = Field(0.999, ge=0, lt=1)
    """Of the running average of the weights, per step; the average is what is validated and exported."""
    temperature: float = Field(1 / 16, gt=0)
    negatives: int = Field(1024, ge=0)
    """Targets of other faces to tell each face from, besides the batch's own."""
    restoration_weight: float = Field(0.5, ge=0)
    clean_share: float = Field(0.25, ge=0, le=1)
    """Share of the crops that are misaligned only."""
    validate_every_s: float = Field(300, ge=0)
    """Seconds between validations, each of which also saves: so much of a killed run is done again."""
    seed: int = 1

    @field_validator("network")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in NETWORKS:
            raise ValueError(f"is none of {', '.join(NETWORKS)}")
        return name

    @classmethod
    def read(cls, path: Path) -> "Recipe":
        """Raises TrainingError: with every problem of the file."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise TrainingError(f"{path}: cannot be read ({error.strerror}). Name a recipe") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise TrainingError(f"{path}: is not TOML ({error}). Correct the syntax") from error
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()
            )
            raise TrainingError(f"{path}: {faults}. Correct the recipe; training/recipe.py lists every key") from error

    def progress(self, faces: int, minutes: float) -> float:
        """Returns how much of the run is done, 0..1."""
        shares = [faces / self.faces if self.faces else 0.0, minutes / self.minutes if self.minutes else 0.0]
        return min(1.0, max(shares))
