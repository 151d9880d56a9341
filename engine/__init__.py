"""Pixels to faces: detection, alignment, quality, embedding, runtimes and models.

Opens no socket, database or camera: `FaceEngine.load(settings).analyze(image)` works alone.
"""

from typing import TYPE_CHECKING, Any

from engine.errors import ImageError, ModelError, RuntimeUnavailableError
from engine.faces import Detections

if TYPE_CHECKING:
    from engine.face_engine import FaceEngine, Faces, FoundFaces

__all__ = ["Detections", "FaceEngine", "Faces", "FoundFaces", "ImageError", "ModelError", "RuntimeUnavailableError"]


def __getattr__(name: str) -> Any:
    # OpenCV comes with the engine itself: who only asks for a manifest, as the supervisor does, needs none of it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from engine import face_engine

    return getattr(face_engine, name)
