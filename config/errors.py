"""The root of every error that DeconvID raises on purpose.

DeconvIDError
├── ConfigError          a configuration that cannot be used, with every problem in it
├── engine.errors        ModelError, ImageError, RuntimeUnavailableError, PlanError, GpuError
└── daemon.errors        StreamError, StoreError, FrameRingError, AlreadyRunningError
"""

from collections.abc import Sequence
from dataclasses import dataclass


class DeconvIDError(Exception):
    """Says what happened, where, and what to do about it; never contains a secret."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration."""

    key: str
    """Where: `cameras.door.url`, or the file itself."""
    fault: str
    """What is wrong with the value; secrets redacted."""
    fix: str
    """What to do."""

    def __str__(self) -> str:
        return f"{self.key}: {self.fault}. {self.fix}"


class ConfigError(DeconvIDError):
    """A configuration that cannot be used; `problems` holds all of them, not the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
