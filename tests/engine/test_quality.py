import cv2
import numpy as np
import pytest

from engine.alignment import ARCFACE_TEMPLATE, align
from engine.detectors import Detector
from engine.quality import Fault, measure_quality
from tests.engine.conftest import make_detections

LEAST_QUALITY = 0.25  # the default of tracking.least_quality


def rated(picture: np.ndarray, detector: Detector) -> tuple[float, Fault]:
    [found] = detector.detect([picture])
    quality = measure_quality(align(picture, found.landmarks), found)
    return float(quality.values[0]), quality.faults[0]


def shrunk(picture: np.ndarray, factor: float) -> np.ndarray:
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def test_a_large_sharp_frontal_face_is_nearly_perfect(astronaut: np.ndarray, detector: Detector) -> None:
    assert rated(astronaut, detector)[0] > 0.85


def test_quality_falls_with_size_and_a_face_of_30_px_still_passes(astronaut: np.ndarray, detector: Detector) -> None:
    full, half, quarter = (rated(shrunk(astronaut, f), detector) for f in (1, 0.5, 0.25))
    assert full[0] > half[0] > quarter[0] > LEAST_QUALITY
    assert quarter[1] == Fault.TOO_SMALL


def test_a_face_of_12_px_is_worth_nothing(astronaut: np.ndarray) -> None:
    tiny = make_detections(ARCFACE_TEMPLATE[None] * 0.12)
    assert measure_quality(align(astronaut, tiny.landmarks), tiny).values[0] < 0.1


def test_a_blurred_face_is_named_so(astronaut: np.ndarray, detector: Detector) -> None:
    quality, fault = rated(cv2.GaussianBlur(astronaut, (0, 0), 4), detector)
    assert (quality < LEAST_QUALITY, fault) == (True, Fault.BLURRED)


def test_a_dark_face_is_not_taken_for_a_blurred_one(astronaut: np.ndarray, detector: Detector) -> None:
    assert rated((astronaut * 0.2).astype(np.uint8), detector)[0] > 0.85


@pytest.mark.parametrize("nose", [[-26, 0], [26, 0], [0, -14], [0, 14]], ids=["left", "right", "up", "down"])
def test_a_turned_face_is_named_so(astronaut: np.ndarray, nose: list[int]) -> None:
    landmarks = ARCFACE_TEMPLATE * 1.5 + 50
    landmarks[2] += np.array(nose, np.float32) * 1.5
    turned = make_detections(landmarks[None])
    quality = measure_quality(align(astronaut, turned.landmarks), turned)
    assert quality.values[0] < LEAST_QUALITY
    assert quality.faults == (Fault.TURNED,)


def test_an_unsure_detection_is_named_so(astronaut: np.ndarray, detector: Detector) -> None:
    [found] = detector.detect([astronaut])
    unsure = make_detections(found.landmarks, score=0.32)
    assert measure_quality(align(astronaut, unsure.landmarks), unsure).faults == (Fault.UNSURE,)


def test_nobody_has_no_quality() -> None:
    nobody = make_detections(np.zeros((0, 5, 2)))
    assert measure_quality(np.zeros((0, 112, 112, 3), np.uint8), nobody).values.shape == (0,)
