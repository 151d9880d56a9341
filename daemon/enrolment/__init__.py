"""From photos, folders, lists, cameras and other galleries to templates by which people are known."""

from typing import TYPE_CHECKING, Any

from daemon.enrolment.outcomes import Accepted, Outcome, Refusal, Refused
from daemon.enrolment.roster import Entry, find_photos

if TYPE_CHECKING:
    from daemon.enrolment.enrolling import PhotoEngine, enrol, enrol_photos

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


def __getattr__(name: str) -> Any:
    # OpenCV comes with photos: who only compares what is enrolled, as the supervisor does, needs none of it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from daemon.enrolment import enrolling

    return getattr(enrolling, name)
