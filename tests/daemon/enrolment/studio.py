"""An engine that sees in a picture whatever the test says, and the store that it enrols into."""

import weakref
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from daemon.enrolment import Outcome, enrol
from daemon.store import Store
from engine import Detections, FoundFaces
from engine.images import YuvImage
from engine.manifests import ModelSpec
from engine.quality import Quality
from tests.daemon.factories import DIMENSION, MODEL

SIZE = 112


@dataclass(frozen=True)
class Scene:
    """What a picture shows: faces side by side, all with one embedding."""

    sides: tuple[float, ...]
    embedding: NDArray[np.float32]
    quality: float = 0.9
    brightness: int | None = None


def found_faces(scene: Scene, pixel: int) -> FoundFaces:
    count = len(scene.sides)
    boxes = np.array([[0, 0, side, side] for side in scene.sides], np.float32).reshape(count, 4)
    landmarks = np.tile(np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32), (count, 1, 1))
    return FoundFaces(
        Detections(boxes, np.full(count, 0.9, np.float32), landmarks),
        np.full((count, SIZE, SIZE, 3), pixel, np.uint8),
        Quality(np.tile(np.array([1, scene.quality, 1, 1], np.float32), (count, 1))),
    )


@dataclass
class FakeEngine:
    """Knows a scene by the brightness of a picture's first pixel, and by that of a crop whose it is."""

    digest: str = MODEL
    size: int = SIZE
    scenes: dict[int, Scene] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    """How many crops were embedded at once."""
    found: "list[weakref.ref[NDArray[np.uint8]]]" = field(default_factory=list)
    """The crops of each picture, as long as somebody keeps them."""

    @property
    def embedder(self) -> "FakeEngine":
        return self

    @property
    def spec(self) -> ModelSpec:
        return ModelSpec.model_construct(name="fake", sha256=self.digest, dimension=DIMENSION, threshold=0.5)

    def find(self, image_bgr: NDArray[np.uint8]) -> FoundFaces:
        number = int(image_bgr[0, 0, 0])
        faces = found_faces(self.scenes[number], number)
        self.found.append(weakref.ref(faces.crops))
        return faces

    def find_in_frame(self, frame: YuvImage) -> FoundFaces:
        return self.find(frame.to_bgr())

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.batches.append(len(crops))
        return np.stack([self.scenes[int(crop[0, 0, 0])].embedding for crop in crops])


@dataclass
class Studio:
    """Takes photos that the engine understands."""

    folder: Path
    store: Store
    engine: FakeEngine = field(default_factory=FakeEngine)

    def photo(self, scene: Scene, name: str | None = None) -> Path:
        number = len(self.engine.scenes)
        self.engine.scenes[number] = scene
        path = self.folder / (name or f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 8, 3), number, np.uint8))
        return path

    def enrol(self, name: str, *scenes: Scene) -> list[Outcome]:
        return enrol(self.store, self.engine, name, [self.photo(scene) for scene in scenes])
