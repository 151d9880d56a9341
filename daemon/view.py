"""What one camera shows: faces as tracks, and which crops of them are worth embedding."""

import time
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from config import Settings
from daemon.frames import LeasedFrame
from daemon.messages import Picture, TrackEnded
from daemon.snapshots.photographer import Photographer
from daemon.tracking import Track, Tracker
from engine import Detections
from engine.alignment import align_yuv
from engine.quality import TEMPLATE_EYES_PX, Fault, measure_quality

FIRST_LOOKS = 3
"""A new track is embedded in so many of its frames at once, so that its first decision comes soon."""

CLEARLY_BETTER = 1.25
"""A crop is clearly better if its quality exceeds the track's best one by this factor."""


CLOSER_AGAIN_S = 2.0
"""A face is asked for in the main stream when it is new, when it is seen clearly better, and after this time."""

SMALL = (Fault.TOO_SMALL, Fault.BLURRED)
"""Faults that the main stream may mend."""


@dataclass(slots=True)
class Looks:
    """What has been embedded of one track."""

    embedded: int = 0
    best_quality: float = 0.0
    last_s: float = -np.inf

    def note(self, quality: float, now_s: float) -> None:
        self.embedded += 1
        self.best_quality, self.last_s = max(self.best_quality, quality), now_s


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A face that is to be embedded."""

    camera: str
    track: str
    captured_ns: int
    captured_wall_ns: int
    frame_size: tuple[int, int]
    """Width and height of the frame."""
    box: tuple[float, float, float, float]
    """x1 y1 x2 y2, pixels of the frame."""
    quality: float
    fault: Fault
    """What lowers the quality most."""
    pixels: NDArray[np.uint8]
    """(112, 112, 3) BGR, aligned."""
    wants_closer: bool
    """Whether it is worth a look at the main stream; `CameraView.settle` then decides about it."""
    is_best: bool
    """Whether no crop of the track before had a better quality."""
    is_new: bool
    """Whether it is one of the first looks at its track, which wait for a name."""
    picture: Picture | None
    """Of the face, for people; see `SnapshotSettings`."""


def worth_embedding(looks: Looks, quality: float, now_s: float, refresh_s: float) -> bool:
    """Whether another embedding of this track would tell something new."""
    return (
        looks.embedded < FIRST_LOOKS
        or quality > looks.best_quality * CLEARLY_BETTER
        or now_s - looks.last_s >= refresh_s
    )


class CameraView:
    """Follows the faces of one camera.

    Args:
        camera: its name.
        tracker: of this camera alone.
        settings: the limits.
        tally: counts what became of every crop that is not embedded, by reason.
    """

    def __init__(self, camera: str, tracker: Tracker, settings: Settings, tally: Counter[str]) -> None:
        self._camera, self._tracker, self._settings, self._tally = camera, tracker, settings, tally
        self._looks: dict[str, Looks] = {}
        self._closer: dict[str, tuple[float, float]] = {}
        """By track: quality and moment of the face that was last asked for in the main stream."""
        self._photographer = Photographer(settings.snapshots)
        self._captured_s = 0.0
        self._arrived_s = 0.0
        self._wall_minus_captured_ns = 0

    def see(self, frame: LeasedFrame, detections: Detections, has_closer: bool = False) -> list[Crop]:
        """Assigns the faces of a frame, in its own pixels, to tracks; returns the crops that are worth embedding.

        Where the camera `has_closer` looks from a main stream, also those that are only worth such a look.
        """
        self._captured_s, self._arrived_s = frame.captured_ns / 1e9, time.monotonic()
        self._wall_minus_captured_ns = frame.captured_wall_ns - frame.captured_ns
        tracks = self._tracker.update(detections, self._captured_s)
        large = np.flatnonzero(detections.sides >= self._settings.detection.smallest_face_px)
        self._tally["small_box"] += len(detections) - len(large)
        if not len(large):
            return []
        faces = detections[large]
        pixels = align_yuv(frame.image, faces.landmarks)
        quality = measure_quality(pixels, faces)
        enlarged = faces.eye_distances < TEMPLATE_EYES_PX
        chosen = []
        for i, track in enumerate(tracks[k].name for k in large):
            value, fault = float(quality.values[i]), quality.faults[i]
            wants_closer = has_closer and bool(enlarged[i]) and self._is_closer_due(track, value)
            if self._is_chosen(track, value, fault, wants_closer):
                chosen.append(self._crop(frame, faces, i, track, value, fault, pixels[i], wants_closer))
        return chosen

    def settle(self, crop: Crop) -> Crop | None:
        """Decides about a crop that wanted a closer look, with or without it; returns None if it is not embedded."""
        track = self._tracker.followed_name(crop.track)
        if track is None:
            self._tally["left"] += 1
            return None
        if self._is_poor(crop.quality, crop.fault):
            return None
        looks = self._embed(track, crop.quality, crop.captured_ns / 1e9)
        return replace(
            crop, track=track, is_best=crop.quality >= looks.best_quality, is_new=looks.embedded <= FIRST_LOOKS
        )

    def recognise(self, crop: Crop, embedding: NDArray[np.float32]) -> str:
        """Takes note of how a crop's face looks; returns the track that it is of, which may be one that has come back.

        Args:
            crop: that `see` or `settle` has given.
            embedding: of it, (D,) float32, L2 norm 1.
        """
        track = self._tracker.recognise(crop.track, embedding, crop.quality)
        if track != crop.track:
            self._forget(crop.track)  # what was kept of it under the name that it had for a moment
        return track

    @property
    def embedded_tracks(self) -> list[str]:
        """Names of the tracks that have not ended and of which something was embedded."""
        return list(self._looks)

    @property
    def followed(self) -> int:
        """Faces that are followed and not lost, embedded or not."""
        return len(self._tracker)

    def ended(self) -> list[TrackEnded]:
        """Forgets the tracks that were lost; returns those of them of which something was embedded."""
        # The camera's clock runs on while no frame comes.
        return self._end(self._captured_s + time.monotonic() - self._arrived_s)

    def end_all(self) -> list[TrackEnded]:
        return self._end(np.inf)

    def _is_chosen(self, track: str, quality: float, fault: Fault, wants_closer: bool) -> bool:
        if wants_closer and fault in SMALL and quality < self._settings.tracking.least_quality:
            return True
        if self._is_poor(quality, fault):
            return False
        looks = self._looks.get(track, Looks())
        if not worth_embedding(looks, quality, self._captured_s, self._settings.tracking.refresh_s):
            self._tally["not_needed"] += 1
            return False
        if not wants_closer:
            self._embed(track, quality, self._captured_s)
        return True

    def _is_poor(self, quality: float, fault: Fault) -> bool:
        if quality >= self._settings.tracking.least_quality:
            return False
        self._tally[str(fault)] += 1
        return True

    def _embed(self, track: str, quality: float, at_s: float) -> Looks:
        looks = self._looks.setdefault(track, Looks())
        looks.note(quality, at_s)
        return looks

    def _is_closer_due(self, track: str, quality: float) -> bool:
        asked_quality, asked_s = self._closer.get(track, (0.0, -np.inf))
        return quality > asked_quality * CLEARLY_BETTER or self._captured_s - asked_s >= CLOSER_AGAIN_S

    def _crop(
        self,
        frame: LeasedFrame,
        faces: Detections,
        i: int,
        track: str,
        quality: float,
        fault: Fault,
        pixels: NDArray[np.uint8],
        wants_closer: bool,
    ) -> Crop:
        if wants_closer:
            self._closer[track] = quality, self._captured_s
        height, width = frame.image.y.shape
        looks = self._looks.get(track, Looks())
        x1, y1, x2, y2 = (float(value) for value in faces.boxes[i])
        return Crop(
            camera=self._camera,
            track=track,
            captured_ns=frame.captured_ns,
            captured_wall_ns=frame.captured_wall_ns,
            frame_size=(width, height),
            box=(x1, y1, x2, y2),
            quality=quality,
            fault=fault,
            pixels=pixels,
            wants_closer=wants_closer,
            is_best=not wants_closer and quality >= looks.best_quality,
            is_new=looks.embedded <= FIRST_LOOKS,
            picture=self._photographer.take(track, frame.image, (x1, y1, x2, y2), quality),
        )

    def _end(self, now_s: float) -> list[TrackEnded]:
        lost = self._tracker.end_lost(now_s)
        return [self._ended(track) for track in lost if self._forget(track.name)]

    def _forget(self, track: str) -> bool:
        """Returns whether something of it was embedded."""
        self._photographer.forget(track)
        self._closer.pop(track, None)
        return self._looks.pop(track, None) is not None

    def _ended(self, track: Track) -> TrackEnded:
        first, last = (int(s * 1e9) + self._wall_minus_captured_ns for s in (track.first_seen_s, track.seen_s))
        return TrackEnded(self._camera, track.name, first, last)
