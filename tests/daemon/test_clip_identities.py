"""Real people in a real clip, with cuts, strangers and bad looks: names are right, and stay as they are."""

from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.enrolment import enrol
from daemon.events import AnyEvent, Corrected, FaceEvent, Identified
from daemon.store import Store
from engine import FaceEngine
from tests.rig.daemon import Daemon
from training.paths import SHARED

CLIPS = SHARED / "data" / "clips"
PRESENT, ABSENT = ("alex-lacamoire.png", "lin-manuel-miranda.png"), ("biden.jpg", "obama.jpg")

pytestmark = pytest.mark.skipif(not CLIPS.exists(), reason="needs the clips of shared/data")


@pytest.fixture
def enrolled(tmp_path: Path, face_engine: FaceEngine) -> None:
    """Two people who are in the clip and two who are not, before the daemon starts."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    with Store.open(state / "identities.sqlite") as store:
        for photo in PRESENT + ABSENT:
            enrol(store, face_engine, photo, [CLIPS / "people" / photo])


def names_in_turn(events: list[AnyEvent]) -> dict[str, list[str]]:
    """Returns every name that was said of each track, in order."""
    told: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, FaceEvent):
            names = told.setdefault(event.track, [])
            if isinstance(event, Identified | Corrected) and event.person:
                names.append(event.person.name)
    return told


def test_nobody_gets_two_names_and_nobody_absent_is_named(enrolled: None, start_daemon: Callable[..., Daemon]) -> None:
    daemon = start_daemon({"stage": CLIPS / "hamilton.mp4"}, "--fast", enrolled=False)
    assert daemon.wait(timeout_s=90) == 0
    told = names_in_turn(daemon.events())
    assert len(told) > 5
    named = [name for names in told.values() for name in names]
    assert "lin-manuel-miranda.png" in named
    assert set(named) <= set(PRESENT)
    assert all(len(set(names)) <= 1 for names in told.values())
