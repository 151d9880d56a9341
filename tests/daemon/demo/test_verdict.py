import numpy as np
import pytest

from daemon.demo.cast import CutOut
from daemon.demo.scene import AWAY_S, WALK_S, Scene, frames
from daemon.demo.verdict import Verdict
from deconvid_client import Event


def actor(name: str) -> CutOut:
    return CutOut(name, np.full((320, 320, 3), 255, np.uint8), np.ones((320, 320, 1), np.float32), 0.5)


@pytest.fixture
def scene():
    return Scene("door", (actor("Ada"), actor("stranger")), width=640, height=360, fps=5)


@pytest.fixture
def verdict(scene):
    return Verdict({"door": scene}, ["Ada"])


def event(kind: str, x: float, name: str | None = None) -> Event:
    data = {
        "camera": "door",
        "latency_ms": 50,
        "score": 0.7,
        "person": {"id": 1, "name": name} if name else None,
        "box": [x - 20, 100, x + 20, 140],
        "frame_size": [640, 360],
    }
    return Event(kind, "epoch", 1, data)


def test_the_right_name_in_the_right_lane_succeeds(verdict):
    verdict.take(event("face.identified", 100, "Ada"))
    verdict.take(event("face.unknown", 500))
    assert verdict.succeeded
    assert verdict.unknown == {"stranger": 1}


def test_a_stranger_with_a_name_fails(verdict):
    verdict.take(event("face.identified", 100, "Ada"))
    verdict.take(event("face.identified", 500, "Ada"))
    assert not verdict.succeeded
    assert verdict.wrong == ["stranger was called Ada (score 0.70)"]


def test_an_enrolled_person_who_was_never_identified_fails(verdict):
    verdict.take(event("face.unknown", 100))
    assert not verdict.succeeded
    assert verdict.missing == ["Ada"]


def test_latency_is_of_decisions(verdict):
    assert verdict.latency is None
    verdict.take(event("face.unknown", 100))
    assert (verdict.latency.p50, verdict.latency.p95) == (50, 50)


def test_a_scene_repeats_and_keeps_everybody_in_their_lane(scene):
    cycle = round((WALK_S + AWAY_S) * scene.fps)
    pictures = list(frames(scene, (cycle + 1) / scene.fps))
    white = [picture > 160 for picture in pictures]
    assert np.mean(white[0] ^ white[cycle]) < 0.001
    columns = np.flatnonzero(np.any([w.all(axis=2).any(axis=0) for w in white], axis=0))
    assert {scene.person_at(x, scene.width) for x in columns} == {"Ada", "stranger"}
