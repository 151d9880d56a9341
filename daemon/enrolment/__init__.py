"""From photos, folders, lists, cameras and other galleries to templates by which people are known."""

from daemon.enrolment.enrolling import PhotoEngine, enrol, enrol_photos
from daemon.enrolment.outcomes import Accepted, Outcome, Refusal, Refused
from daemon.enrolment.roster import Entry, find_photos

__all__ = [
    "Accepted",
    "Entry",
    "Outcome",
    "PhotoEngine",
    "Refusal",
    "Refused",
    "enrol",
    "enrol_photos",
    "find_photos",
]
