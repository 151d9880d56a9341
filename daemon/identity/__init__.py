"""Faces to people: gallery, fusion of a track's looks, the open-set decision."""

from daemon.identity.decision import PENDING, Decision, DecisionRules, decide
from daemon.identity.fusion import TrackFusion
from daemon.identity.gallery import Gallery, KnownPerson, Match

__all__ = ["PENDING", "Decision", "DecisionRules", "Gallery", "KnownPerson", "Match", "TrackFusion", "decide"]
