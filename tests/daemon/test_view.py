from collections import Counter
from dataclasses import replace
from itertools import count

import cv2
import numpy as np
import pytest

from config import DetectionSettings, Settings, TrackingSettings
from daemon.frames import LeasedFrame
from daemon.tracking import Tracker
from daemon.view import FIRST_LOOKS, CameraView, Looks, worth_embedding
from engine import Detections
from engine.images import YuvImage

WALL_NS = 1_700_000_000_000_000_000
"""Wall clock minus camera clock."""


@pytest.mark.parametrize(
    ("looks", "quality", "now_s", "worth"),
    [
        pytest.param(Looks(), 0.3, 10, True, id="a new track"),
        pytest.param(Looks(FIRST_LOOKS - 1, 0.9, 10), 0.3, 10.1, True, id="one of the first looks"),
        pytest.param(Looks(FIRST_LOOKS, 0.5, 10), 0.5, 10.2, False, id="nothing new"),
        pytest.param(Looks(FIRST_LOOKS, 0.5, 10), 0.7, 10.2, True, id="clearly better"),
        pytest.param(Looks(FIRST_LOOKS, 0.9, 10), 0.3, 11.1, True, id="time to look again"),
    ],
)
def test_a_crop_is_embedded_when_it_tells_something(looks, quality, now_s, worth):
    assert worth_embedding(looks, quality, now_s, refresh_s=1.0) is worth


@pytest.fixture(scope="module")
def picture(astronaut) -> YuvImage:
    height, width = astronaut.shape[:2]
    planes = cv2.cvtColor(astronaut, cv2.COLOR_BGR2YUV_I420).reshape(-1)
    y, u, v = np.split(planes, [height * width, height * width * 5 // 4])
    half = (height // 2, width // 2)
    return YuvImage(y.reshape(height, width), u.reshape(half), v.reshape(half), bt709=False, full_range=False)


@pytest.fixture(scope="module")
def face(face_engine, astronaut) -> Detections:
    [found] = face_engine.detector.detect([astronaut])
    return found


@pytest.fixture
def tally() -> Counter[str]:
    return Counter()


@pytest.fixture
def make_view(tally):
    def make(smallest_face_px: int = 20, least_quality: float = 0.25) -> CameraView:
        numbers = count(1)
        settings = Settings(
            detection=DetectionSettings(smallest_face_px=smallest_face_px),
            tracking=TrackingSettings(least_quality=least_quality, refresh_s=1.0),
        )
        return CameraView("door", Tracker(lambda: f"t{next(numbers)}", 2.0, return_s=5.0, alike=0.5), settings, tally)

    return make


def frame_at(picture: YuvImage, at_s: float) -> LeasedFrame:
    captured_ns = round(at_s * 1e9)
    return LeasedFrame(picture, 1, captured_ns, captured_ns + WALL_NS, _slot=None, _generation=0)


def test_a_clear_face_becomes_a_crop(make_view, picture, face):
    [crop] = make_view().see(frame_at(picture, 5.0), face)
    assert (crop.camera, crop.track, crop.frame_size) == ("door", "t1", (512, 512))
    assert crop.captured_wall_ns == crop.captured_ns + WALL_NS
    assert crop.box == tuple(face.boxes[0].tolist())
    assert crop.quality > 0.5
    assert crop.pixels.shape == (112, 112, 3)


def test_a_face_that_tells_nothing_new_is_not_embedded_again(make_view, picture, face, tally):
    view = make_view()
    looks = [[crop.is_new for crop in view.see(frame_at(picture, 5 + 0.2 * i), face)] for i in range(9)]
    assert looks == [[True], [True], [True], [], [], [], [], [False], []]
    assert tally == {"not_needed": 5, "small_box": 0}


def test_a_small_face_is_counted_and_left_alone(make_view, picture, face, tally):
    view = make_view(smallest_face_px=400)
    assert view.see(frame_at(picture, 5.0), face) == []
    assert tally["small_box"] == 1
    assert view.embedded_tracks == []


def test_a_poor_crop_is_counted_under_its_fault(make_view, picture, face, tally):
    view = make_view(least_quality=1.0)
    assert view.see(frame_at(picture, 5.0), face) == []
    assert sum(tally[fault] for fault in ("too_small", "blurred", "turned", "unsure")) == 1


def test_an_embedded_track_ends_with_its_times(make_view, picture, face):
    view = make_view()
    for at_s in (5.0, 5.5, 6.0):
        view.see(frame_at(picture, at_s), face)
    assert view.embedded_tracks == ["t1"]
    view.see(frame_at(picture, 9.0), Detections.empty())
    [ended] = view.ended()
    assert (ended.camera, ended.track) == ("door", "t1")
    assert (ended.first_seen_wall_ns - WALL_NS, ended.last_seen_wall_ns - WALL_NS) == (5_000_000_000, 6_000_000_000)
    assert view.embedded_tracks == []
    assert view.ended() == []


def test_a_track_of_which_nothing_was_embedded_ends_in_silence(make_view, picture, face):
    view = make_view(smallest_face_px=400)
    view.see(frame_at(picture, 5.0), face)
    assert view.end_all() == []


def test_a_face_that_returns_goes_on_as_the_same_track_and_nothing_is_kept_twice(make_view, picture, face, tally):
    view = make_view()
    embedding = np.eye(1, 512, dtype=np.float32)[0]
    [crop] = view.see(frame_at(picture, 5.0), face)
    assert view.recognise(crop, embedding) == "t1"
    aside = Detections(face.boxes + np.float32(1000), face.scores, face.landmarks)
    [crop] = view.see(frame_at(picture, 8.0), aside, has_closer=True)
    assert crop.track == "t2"
    assert view.recognise(crop, embedding) == "t1"
    assert view.embedded_tracks == ["t1"]
    assert view.settle(replace(crop, track="t2")).track == "t1"
    assert view.embedded_tracks == ["t1"]
    [ended] = view.end_all()
    assert (ended.first_seen_wall_ns - WALL_NS, ended.last_seen_wall_ns - WALL_NS) == (5_000_000_000, 8_000_000_000)
