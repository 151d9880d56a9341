"""How far a build is, where TensorRT tells (10 and later, RTX)."""

from collections.abc import Callable
from typing import Any

from engine.runtimes.tensorrt.flavours import Flavour

Tell = Callable[[str], None]


def monitor(flavour: Flavour, tell: Tell) -> Any:
    """Returns what a builder's config takes as its progress monitor; None for 8.6.

    Args:
        flavour: that builds.
        tell: is given lines such as `Building 3/7`, from several threads, one after the other.
    """
    if not hasattr(flavour.trt, "IProgressMonitor"):
        return None

    base: Any = flavour.trt.IProgressMonitor

    class Monitor(base):  # type: ignore[misc]
        def __init__(self) -> None:
            base.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if parent_phase is None:
                self._steps[phase_name] = num_steps
                tell(f"{phase_name} 0/{num_steps}")

        def step_complete(self, phase_name: str, step: int) -> bool:
            """Tells, and lets the build go on."""
            if phase_name in self._steps:
                tell(f"{phase_name} {step + 1}/{self._steps[phase_name]}")
            return True

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()
