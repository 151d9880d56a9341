import numpy as np
import pytest

from training import degrade

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
