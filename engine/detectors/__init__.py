"""Pictures to faces."""

from engine.detectors.detector import Detector, NetworkDetector, load_detector

__all__ = ["Detector", "NetworkDetector", "load_detector"]
