"""Placing landmarks, with a network that says what a test wants."""

from collections.abc import Callable

import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.alignment import ARCFACE_TEMPLATE, align, from_crops
from engine.detectors.refined import MOST_FACES, RefinedDetector, first_threshold, one_of_each
from engine.errors import ModelError
from engine.faces import Detections
from engine.images import Picture
from engine.landmarks import LARGEST_BATCH, OUTPUTS, SPREAD_PX, VIEW_PX, LandmarkPlacer, views
from engine.manifests import ModelSpec, find_model
from engine.runtimes import Inputs
from engine.runtimes.crops import CROPS
from tests.engine.conftest import make_detections
from tests.engine.test_images import to_yuv

SURE = 20.0
Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class Oracle:
    """A runtime that answers as it is told."""

    name, input_names = "oracle", (CROPS,)

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.batches: list[int] = []

    def run(self, inputs: Inputs) -> dict[str, NDArray[np.float32]]:
        shown = np.asarray(inputs[CROPS], np.uint8)
        self.batches.append(len(shown))
        return {"shifts": self._answer(shown)}


def says(shift_px: tuple[float, float], logit: float = SURE) -> Answer:
    row = np.array([*(np.array([shift_px] * 5).reshape(-1) / SPREAD_PX), logit], np.float32)
    return lambda shown: np.tile(row, (len(shown), 1))


@pytest.fixture
def spec() -> ModelSpec:
    return find_model("landmarks_v1")


@given(st.floats(0.2, 8), st.floats(-3, 3), st.floats(-300, 300), st.integers(40, 200))
def test_points_of_a_crop_come_from_where_align_took_them(scale: float, turn: float, shift: float, size: int) -> None:
    turned = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    landmarks = (ARCFACE_TEMPLATE @ turned + shift).astype(np.float32)[None]
    template = (ARCFACE_TEMPLATE * (size / 112)).astype(np.float32)[None]
    assert np.allclose(from_crops(template, landmarks, size), landmarks, atol=0.05)


def test_a_network_that_finds_nothing_wrong_moves_nothing(spec: ModelSpec) -> None:
    found = make_detections(np.stack([ARCFACE_TEMPLATE * 2 + 30, ARCFACE_TEMPLATE / 2 + 7]))
    placed = LandmarkPlacer(spec, Oracle(says((0, 0)))).place(np.zeros((400, 400, 3), np.uint8), found)
    assert np.allclose(placed.landmarks, found.landmarks, atol=0.05)
    assert np.array_equal(placed.boxes, found.boxes)
    assert np.allclose(placed.scores, np.sqrt(0.9))


def test_a_correction_is_in_the_faces_own_scale_and_turn(spec: ModelSpec) -> None:
    upside_down = (200 - 2 * ARCFACE_TEMPLATE)[None].astype(np.float32)
    placer = LandmarkPlacer(spec, Oracle(says((3, 1))))
    moved = placer.place(np.zeros((400, 400, 3), np.uint8), make_detections(upside_down)).landmarks - upside_down
    assert np.allclose(moved, np.array([-3, -1]) * 2 * 112 / 74, atol=0.05)


@pytest.mark.parametrize("count", [0, 1, LARGEST_BATCH + 1])
def test_any_number_of_faces(spec: ModelSpec, count: int) -> None:
    oracle = Oracle(says((0, 0)))
    found = make_detections(np.tile(ARCFACE_TEMPLATE, (count, 1, 1)))
    assert len(LandmarkPlacer(spec, oracle).place(np.zeros((112, 112, 3), np.uint8), found)) == count
    assert max(oracle.batches) <= LARGEST_BATCH


@pytest.mark.parametrize("landmarks", [np.zeros((5, 2)), np.full((5, 2), np.nan), np.full((5, 2), 1e30)])
def test_absurd_landmarks_disturb_no_other_face(spec: ModelSpec, landmarks: NDArray[np.float64]) -> None:
    found = make_detections(np.stack([landmarks, ARCFACE_TEMPLATE]).astype(np.float32))
    placed = LandmarkPlacer(spec, Oracle(says((0, 0)))).place(np.zeros((112, 112, 3), np.uint8), found)
    assert np.allclose(placed.landmarks[1], ARCFACE_TEMPLATE, atol=0.05)
    align(np.zeros((112, 112, 3), np.uint8), placed.landmarks)


def test_a_network_of_another_kind_is_refused(spec: ModelSpec) -> None:
    with pytest.raises(ModelError, match=r"gives \(1, 3\) for 1 faces, not \(1, 11\)"):
        LandmarkPlacer(spec, Oracle(lambda shown: np.zeros((len(shown), 3), np.float32)))


def test_planes_show_what_the_picture_shows(six_faces: NDArray[np.uint8]) -> None:
    landmarks = (ARCFACE_TEMPLATE + np.array([300, 100], np.float32))[None]
    of_picture, of_planes = (
        views(six_faces, landmarks),
        views(to_yuv(six_faces, Colorspace.ITU709, ColorRange.MPEG), landmarks),
    )
    assert of_picture.shape == of_planes.shape == (1, VIEW_PX, VIEW_PX, 3)
    assert np.abs(of_picture.astype(int) - of_planes).mean() < 4


class Finder:
    """Finds what it is told, wherever it looks."""

    def __init__(self, found: Detections) -> None:
        self._found = found

    def detect(self, pictures: object) -> list[Detections]:
        return [self._found]


def test_who_is_doubted_at_first_may_be_made_sure_of(spec: ModelSpec) -> None:
    faces = make_detections(np.stack([ARCFACE_TEMPLATE, ARCFACE_TEMPLATE + 100, ARCFACE_TEMPLATE + 200]))
    found = Detections(faces.boxes, np.array([0.9, 0.8, 0.3], np.float32), faces.landmarks)
    beliefs = np.array([0.1, 0.5, 0.99])

    def answer(shown: NDArray[np.uint8]) -> NDArray[np.float32]:
        raw = np.zeros((len(shown), OUTPUTS), np.float32)
        raw[:, -1] = np.log(beliefs / (1 - beliefs))[: len(shown)]
        return raw

    picture: Picture = np.zeros((400, 400, 3), np.uint8)
    [sure] = RefinedDetector(Finder(found), LandmarkPlacer(spec, Oracle(answer)), 0.5).detect([picture])
    assert np.allclose(sure.scores, np.sqrt([0.8 * 0.5, 0.3 * 0.99]))
    assert np.allclose(sure.landmarks[1], ARCFACE_TEMPLATE + 200, atol=0.05)


@given(st.floats(0.01, 0.99), st.floats(0, 1), st.floats(0, 1))
def test_nobody_is_lost_at_the_first_look_who_would_pass_the_second(
    threshold: float, score: float, belief: float
) -> None:
    if np.sqrt(score * belief) >= threshold:
        assert score >= first_threshold(threshold) - 1e-9


@given(st.lists(st.integers(0, 3), max_size=8), st.integers(0, 1000))
def test_a_face_that_was_found_twice_is_told_once(whose: list[int], seed: int) -> None:
    """Four people stand side by side; each is found at a slightly other place each time."""
    noise = np.random.default_rng(seed).normal(0, 0.5, (len(whose), 5, 2))
    landmarks = np.array([ARCFACE_TEMPLATE + np.array([60 * who, 0]) for who in whose]).reshape(-1, 5, 2) + noise
    kept = one_of_each(make_detections(landmarks.astype(np.float32))).landmarks if whose else np.zeros((0, 5, 2))
    assert [round(float(face[:, 0].mean() - ARCFACE_TEMPLATE[:, 0].mean()) / 60) for face in kept] == list(
        dict.fromkeys(whose)
    )


def test_what_is_no_model_of_landmarks_is_not_loaded() -> None:
    with pytest.raises(ModelError, match="deconv_v2 places no landmarks in views of 64 px"):
        LandmarkPlacer.load(find_model("deconv_v2"))


def test_a_face_in_profile_that_was_found_twice_is_told_once() -> None:
    profile = ARCFACE_TEMPLATE * np.array([0.05, 1], np.float32)
    found = make_detections(np.stack([profile, profile + 2, profile + np.array([0, 60], np.float32)]))
    assert len(one_of_each(found)) == 2


def test_no_more_faces_are_looked_at_again_than_a_worker_has_time_for(spec: ModelSpec) -> None:
    oracle = Oracle(says((0, 0)))
    many = make_detections(ARCFACE_TEMPLATE + 100 * np.arange(2 * MOST_FACES, dtype=np.float32)[:, None, None])
    picture: Picture = np.zeros((200, 200, 3), np.uint8)
    [told] = RefinedDetector(Finder(many), LandmarkPlacer(spec, oracle), 0.01).detect([picture])
    assert len(told) == MOST_FACES
