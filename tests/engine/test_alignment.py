import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from hypothesis import given
from hypothesis import strategies as st

from engine.alignment import ARCFACE_TEMPLATE, align, align_yuv, similarity
from engine.detectors import Detector
from engine.images import YuvImage
from tests.engine.test_images import to_yuv

FACES_AGREE_GREY_LEVELS = 4.0
"""Mean difference of crops cut from BGR and from YUV: chroma has half the resolution."""


@given(
    scale=st.floats(0.05, 20),
    angle=st.floats(-np.pi, np.pi),
    shift=st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000)),
)
def test_a_known_similarity_is_recovered(scale: float, angle: float, shift: tuple[float, float]) -> None:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    known = np.array([[c, -s, shift[0]], [s, c, shift[1]]])
    points = ARCFACE_TEMPLATE.astype(np.float64)
    moved = points @ known[:, :2].T + known[:, 2]
    assert np.allclose(similarity(points, moved), known, atol=1e-6 * max(1, scale))


def test_many_faces_at_once_give_what_each_gives_alone() -> None:
    points = np.random.default_rng(1).random((4, 5, 2)).astype(np.float32) * 100
    together = similarity(points, ARCFACE_TEMPLATE)
    assert np.allclose(together, [similarity(p, ARCFACE_TEMPLATE) for p in points])


def test_similarity_is_what_umeyama_finds() -> None:
    transform = pytest.importorskip("skimage.transform").SimilarityTransform
    points = ARCFACE_TEMPLATE * 1.7 + np.random.default_rng(2).normal(0, 8, (5, 2)).astype(np.float32)
    reference = transform.from_estimate(points, ARCFACE_TEMPLATE)
    assert np.allclose(similarity(points, ARCFACE_TEMPLATE), reference.params[:2], atol=1e-4)


def test_a_face_that_already_fits_the_template_stays_as_it_is(astronaut: np.ndarray) -> None:
    [crop] = align(astronaut, ARCFACE_TEMPLATE[None] + 100)
    assert np.array_equal(crop, astronaut[100:212, 100:212])


def test_what_lies_outside_of_the_picture_is_black(astronaut: np.ndarray) -> None:
    [half, none] = align(astronaut, np.stack([ARCFACE_TEMPLATE - [56, 0], ARCFACE_TEMPLATE + 5000]).astype(np.float32))
    assert not half[:, :55].any()
    assert half[:, 60:].any()
    assert not none.any()


@pytest.mark.parametrize("landmarks", [np.zeros((1, 5, 2)), np.full((1, 5, 2), 1e30), np.full((1, 5, 2), np.nan)])
def test_absurd_landmarks_give_a_black_crop(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    sane = ARCFACE_TEMPLATE[None] + 100
    crops = align(astronaut, np.concatenate([landmarks, sane]).astype(np.float32))
    assert not crops[0].any()
    assert np.array_equal(crops[1], astronaut[100:212, 100:212])


def test_a_large_face_is_averaged_not_skipped() -> None:
    stripes = np.zeros((1200, 1200, 3), np.uint8)
    stripes[:, ::2] = 255
    [crop] = align(stripes, ARCFACE_TEMPLATE[None] * 10 + 40)
    assert abs(crop.astype(int) - 127).max() < 15


def test_faces_cut_from_planes_look_like_those_of_the_picture(six_faces: np.ndarray, detector: Detector) -> None:
    [found] = detector.detect([six_faces])
    frame = to_yuv(six_faces, Colorspace.ITU709, ColorRange.MPEG)
    difference = align(six_faces, found.landmarks).astype(int) - align_yuv(frame, found.landmarks)
    assert abs(difference).mean() < FACES_AGREE_GREY_LEVELS


def test_faces_at_odd_places_and_borders_are_cut_from_planes_alike(astronaut: np.ndarray) -> None:
    grey = np.repeat(astronaut[:301, :399, :1], 3, axis=2)
    neutral = np.full((151, 200), 128, np.uint8)
    frame = YuvImage(np.ascontiguousarray(grey[..., 0]), neutral, neutral, bt709=True, full_range=True)
    places = np.array([[-30, -30], [13, 57], [350, 250], [301, 201]], np.float32)[:, None]
    landmarks = np.concatenate([ARCFACE_TEMPLATE + places, ARCFACE_TEMPLATE * 2.3 + places]).astype(np.float32)
    difference = align(grey, landmarks).astype(int) - align_yuv(frame, landmarks)
    assert abs(difference).mean() < 0.5


@pytest.mark.parametrize("face_px", [20, 150, 500, 900])
def test_planes_and_picture_agree_however_large_the_face_is(face_px: int) -> None:
    height, width = 1080, 1920
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    grey = (127 + 100 * np.sin(rows / 40) * np.sin(columns / 55)).astype(np.uint8)
    neutral = np.full((height // 2, width // 2), 128, np.uint8)
    frame = YuvImage(grey, neutral, neutral, bt709=True, full_range=True)
    landmarks = ((ARCFACE_TEMPLATE - 56) * face_px / 112 + [900, 500])[None].astype(np.float32)
    crop = align_yuv(frame, landmarks).astype(int)
    assert abs(crop - align(np.repeat(grey[..., None], 3, axis=2), landmarks)).max() <= 1
    places = (np.mgrid[:112, :112].astype(np.float32) - 56) * face_px / 112 + np.array([500, 900])[:, None, None]
    expected = 127 + 100 * np.sin(places[0] / 40) * np.sin(places[1] / 55)
    assert abs(crop[0, ..., 0] - expected).mean() < 2.5
