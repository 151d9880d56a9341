import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.alignment import ARCFACE_TEMPLATE
from engine.landmarks import VIEW_PX, VIEW_TEMPLATE, views
from training.detection.patches import MIRRORED
from training.landmarks.network import LandmarkNetwork, place
from training.landmarks.train import UNKNOWN, collate, validate
from training.landmarks.views import Face, View, framed, misframed, nothing, padded

SPOTS = ARCFACE_TEMPLATE + np.array([20, 10], np.float32)


def spotted(landmarks: np.ndarray) -> np.ndarray:
    """A dark picture with a bright spot at each landmark."""
    picture = np.zeros((160, 180, 3), np.uint8)
    for x, y in landmarks.round().astype(int):
        picture[y - 1 : y + 2, x - 1 : x + 2] = 255
    return picture


def brightness_at(view: View) -> np.ndarray:
    assert view.landmarks is not None
    columns, rows = view.landmarks.round().astype(int).T
    return view.image[rows, columns].mean(axis=1)


@given(st.integers(0, 1000))
def test_a_view_shows_the_landmarks_where_its_labels_say(seed: int) -> None:
    rough = SPOTS + np.random.default_rng(seed).normal(0, 2, (5, 2)).astype(np.float32)
    view = framed(Face(spotted(SPOTS), SPOTS.round()), rough)
    assert view.is_face
    assert view.image.shape == (VIEW_PX, VIEW_PX, 3)
    assert brightness_at(view).min() > 100


def test_landmarks_that_need_no_correction_lie_on_the_template() -> None:
    view = framed(Face(spotted(SPOTS), SPOTS), SPOTS)
    assert np.allclose(view.landmarks, VIEW_TEMPLATE, atol=1e-3)


def test_a_mirrored_face_has_its_left_eye_on_the_left() -> None:
    face = Face(spotted(SPOTS), SPOTS)
    mirrored = face.mirrored()
    assert mirrored.landmarks[0, 0] < mirrored.landmarks[1, 0]
    assert np.allclose(mirrored.landmarks[MIRRORED][:, 0], 179 - SPOTS[:, 0])
    assert np.array_equal(mirrored.mirrored().landmarks, face.landmarks)
    assert np.array_equal(mirrored.mirrored().image, face.image)
    assert brightness_at(framed(mirrored, mirrored.landmarks)).min() > 100


@pytest.mark.parametrize("seed", range(6))
def test_a_padded_picture_keeps_its_landmarks(seed: int) -> None:
    face = padded(Face(spotted(SPOTS), SPOTS), np.random.default_rng(seed))
    assert face.image.shape[0] > 160
    assert brightness_at(framed(face, face.landmarks)).min() > 100


@pytest.mark.parametrize("seed", range(20))
def test_what_is_framed_as_no_face_should_be_is_far_from_it(seed: int) -> None:
    rough = misframed(Face(spotted(SPOTS), SPOTS), np.random.default_rng(seed))
    eyes = np.linalg.norm(SPOTS[1] - SPOTS[0])
    smaller = np.linalg.norm(rough[1] - rough[0]) < 0.51 * eyes
    aside = np.linalg.norm(rough.mean(0) - SPOTS.mean(0)) > 1.1 * eyes
    assert smaller or aside


def test_an_untrained_network_keeps_to_the_template() -> None:
    network = LandmarkNetwork().eval()
    torch.nn.init.zeros_(network.read.weight)
    torch.nn.init.zeros_(network.read.bias)
    placed = place(network(torch.zeros(2, 3, VIEW_PX, VIEW_PX)))
    assert np.allclose(placed.landmarks.detach(), VIEW_TEMPLATE)
    assert placed.logits.tolist() == [0, 0]


def test_only_known_landmarks_count() -> None:
    network = LandmarkNetwork().eval()
    torch.nn.init.zeros_(network.read.weight)
    torch.nn.init.constant_(network.read.bias, 0)
    image = np.zeros((VIEW_PX, VIEW_PX, 3), np.uint8)
    shown = [View(image, VIEW_TEMPLATE, True), View(image, None, True), nothing(image, SPOTS)]
    batch = collate(shown)
    assert batch.landmarks[1:].isnan().all()
    assert np.isnan(UNKNOWN).all()
    assert validate(network, shown) == {
        "landmark_error_percent": 0.0,
        "faces_missed_percent": 0.0,
        "others_taken_percent": 100.0,
    }


def test_the_network_is_small() -> None:
    assert sum(p.numel() for p in LandmarkNetwork().parameters()) < 400_000


def test_views_beyond_the_picture_are_black() -> None:
    assert (views(spotted(SPOTS), (SPOTS + 5000)[None]) == 0).all()
