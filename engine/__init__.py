"""Pixels to faces: detection, alignment, quality, embedding, runtimes and models.

Opens no socket, database or camera: `FaceEngine.load(settings).analyze(image)` works alone.
"""

from engine.errors import ImageError, ModelError, RuntimeUnavailableError
from engine.face_engine import FaceEngine, Faces
from engine.faces import Detections

__all__ = ["Detections", "FaceEngine", "Faces", "ImageError", "ModelError", "RuntimeUnavailableError"]
