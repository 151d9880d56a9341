"""The border: bytes from other processes become observations that nothing behind it has to doubt."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from config.cameras import CAMERA_NAME
from daemon.messages import (
    LARGEST_CROP,
    LARGEST_PICTURE,
    CameraStateChanged,
    FaceObserved,
    Notice,
    Observation,
    TrackEnded,
    TracksInSight,
    decode_observation,
)

LARGEST_MESSAGE = 1 << 20
"""Bytes; an observation of a face has about 3 KB, and its picture if there is one."""
JPEG = b"\xff\xd8\xff"
"""How one begins."""
LONGEST_TRACK_NAME = 64
LONGEST_TEXT = 2000
"""Characters of what is for people."""
YEAR_2200_NS = 7_258_118_400_000_000_000
NORM_TOLERANCE = 0.01


class BadObservation(Exception):  # noqa: N818 - an everyday outcome, counted and dropped
    """Bytes that are no observation."""


def read_observation(data: bytes) -> Observation:
    """Returns a message whose every field is in its range.

    Raises:
        BadObservation: anything is wrong with it.
    """
    try:
        observation = decode_observation(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadObservation("not a message") from error
    match observation:
        case FaceObserved():
            _check_names(observation.camera, [observation.track])
            _check_face(observation)
        case TrackEnded():
            _check_names(observation.camera, [observation.track])
            _check_times(observation.first_seen_wall_ns, observation.last_seen_wall_ns)
        case TracksInSight():
            for camera, tracks in observation.tracks.items():
                _check_names(camera, tracks)
        case CameraStateChanged():
            _check_names(observation.camera)
            _check_times(observation.at_wall_ns)
            _check_texts(observation.detail)
        case Notice():
            _check_times(observation.at_wall_ns)
            _check_texts(observation.subject, observation.detail, observation.actor)
    return observation


def embedding_of(face: FaceObserved) -> NDArray[np.float32]:
    """Returns (D,) float32, L2 norm 1."""
    return np.frombuffer(face.embedding, "<f4")


def _check_names(camera: str, tracks: Sequence[str] = ()) -> None:
    _demand(CAMERA_NAME.fullmatch(camera), "camera")
    _demand(all(0 < len(track) <= LONGEST_TRACK_NAME for track in tracks), "track")


def _check_face(face: FaceObserved) -> None:
    _check_times(face.captured_wall_ns)
    _demand(all(map(math.isfinite, face.box)), "box")
    _demand(0 <= face.quality <= 1, "quality")
    if face.picture:
        _demand(len(face.picture.jpeg) <= LARGEST_PICTURE and face.picture.jpeg.startswith(JPEG), "picture")
        _demand(all(map(math.isfinite, face.picture.box)), "picture's box")
    _demand(not face.crop or (len(face.crop) <= LARGEST_CROP and face.crop.startswith(JPEG)), "crop")
    _demand(face.embedding and len(face.embedding) % 4 == 0, "embedding")
    with np.errstate(all="ignore"):  # whatever the bytes are: infinite and NaN are no norm of 1 either
        norm = float(np.linalg.norm(embedding_of(face)))
    _demand(abs(norm - 1) < NORM_TOLERANCE, "norm")


def _check_texts(*texts: str) -> None:
    _demand(all(len(text) <= LONGEST_TEXT for text in texts), "text")


def _check_times(*wall_ns: int) -> None:
    _demand(all(0 <= moment < YEAR_2200_NS for moment in wall_ns), "time")


def _demand(condition: object, what: str) -> None:
    if not condition:
        raise BadObservation(what)
