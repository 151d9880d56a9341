"""kill -9 of those who write and tell events loses, repeats and reorders none for a program that follows."""

from dataclasses import asdict
from pathlib import Path

import pytest
from rig.bus_kills import BusUnderFire


@pytest.mark.parametrize("rounds", [10, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_every_event_comes_once_and_in_order(tmp_path: Path, rounds: int) -> None:
    with BusUnderFire(tmp_path, seed=rounds) as bus:
        figures = bus.run(rounds)
    print(asdict(figures))
    assert figures.kills["identity"] == rounds
    assert figures.events > 50 * rounds
    assert (figures.lost, figures.doubled, figures.reordered, figures.altered) == (0, 0, 0, 0)
