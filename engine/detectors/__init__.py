"""Pictures to faces."""

from engine.detectors.detector import Detector, NetworkDetector, load_detector
from engine.detectors.tiles import TiledDetector

__all__ = ["Detector", "NetworkDetector", "TiledDetector", "load_detector"]
