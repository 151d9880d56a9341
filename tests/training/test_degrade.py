import cv2
import numpy as np
import pytest

from training import degrade
from training.data import DegradedFaces

STEPS = {
    "misalign": lambda image, rng: degrade.misalign(image, rng, degrade.DegradationRanges()),
    "occlude": degrade.occlude,
    "defocus": degrade.defocus,
    "motion_blur": degrade.motion_blur,
    "relight": degrade.relight,
    "add_noise": lambda image, rng: degrade.add_noise(image, rng, 30),
    "compress": lambda image, rng: degrade.compress(image, rng, (5, 20)),
}


@pytest.fixture
def face(tom_hanks):
    return tom_hanks


@pytest.mark.parametrize("name", STEPS)
def test_a_step_changes_the_picture_and_keeps_its_form(name, face):
    before = face.copy()
    changed = STEPS[name](face, np.random.default_rng(1))
    assert changed.shape == face.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, face)
    assert np.array_equal(face, before)


def test_the_same_seed_gives_the_same_picture(face):
    first, second = (degrade.degrade(face, np.random.default_rng(5)) for _ in range(2))
    other = degrade.degrade(face, np.random.default_rng(6))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_nothing_is_done_where_nothing_is_asked_for(face):
    never = degrade.DegradationRanges(
        distance=0, misalignment=0, occlusion=0, defocus=0, motion=0, light=0, noise=0, compression=0
    )
    assert np.array_equal(degrade.degrade(face, np.random.default_rng(0), never), face)


def test_a_contact_sheet_shows_each_crop_in_its_row(face):
    sheet = degrade.contact_sheet([face, face[:, ::-1]], seed=1, columns=4)
    assert sheet.shape == (2 * 112, 4 * 112, 3)
    assert np.array_equal(sheet[:112, :112], face)


def test_a_face_seen_from_afar_is_small_and_nothing_else(face):
    far = degrade.see_from_afar(face, np.random.default_rng(3))
    assert far.shape == face.shape
    assert sharpness(far) < sharpness(face) / 4
    assert likeness_in_small(far, face) < 3


@pytest.mark.parametrize(("far_share", "all_well"), [(1.0, True), (0.0, False)])
def test_so_many_of_those_that_are_not_clean_are_far_away_alone(monkeypatch, face, far_share, all_well):
    monkeypatch.setattr("training.data.load_faces", lambda: face[None])
    faces = DegradedFaces(np.array([0]), 1, lambda _: 0.0, 0.0, far_share)
    pairs = [[crop.numpy().transpose(1, 2, 0) for crop in faces[draw]] for draw in range(20)]
    assert all(likeness_in_small(*pair) < 3 for pair in pairs) is all_well


def sharpness(image):
    return float(cv2.Laplacian(image, cv2.CV_32F).var())


def likeness_in_small(one, other):
    """Mean difference in grey levels of what is left of both at 4 px."""
    small = [cv2.resize(each, (4, 4), interpolation=cv2.INTER_AREA).astype(float) for each in (one, other)]
    return float(np.abs(small[0] - small[1]).mean())
