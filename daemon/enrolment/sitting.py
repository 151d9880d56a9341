"""Somebody before a camera: what to tell them, and which looks to keep."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from daemon.enrolment.candidates import Candidate
from daemon.enrolment.gate import Unfit, choose_face
from daemon.enrolment.outcomes import Refusal
from engine import FoundFaces
from engine.quality import Fault

STRETCH_S = 1.0
"""One look is kept of each: looks a moment apart show the same pose, and several poses make a better gallery."""
WANTED = 5
GOOD_QUALITY = 0.5
"""So many looks of that quality end a sitting before its time."""
DARK, BRIGHT = 40, 220
"""Mean brightness of a crop, 0..255, beyond which a face has no detail."""


class Hint(StrEnum):
    """What to tell whoever sits."""

    NOBODY = "nobody is in sight: step in front of the camera"
    SEVERAL = "several faces are in sight: only one person, please"
    CLOSER = "come closer"
    TURN = "look into the camera"
    STILL = "hold still"
    DARK = "too dark: more light on the face"
    BRIGHT = "too bright: less light on the face"
    UNCLEAR = "face the camera, and take off what covers the face"
    GOOD = "good: turn the head a little, this way and that"


HINTS = {
    Fault.TOO_SMALL: Hint.CLOSER,
    Fault.TURNED: Hint.TURN,
    Fault.BLURRED: Hint.STILL,
    Fault.UNSURE: Hint.UNCLEAR,
}


@dataclass(slots=True)
class Sitting:
    """The best look of each second, as long as one face alone is before the camera.

    Args:
        source: what the templates say of where they come from.
    """

    source: str
    _best: dict[int, Candidate] = field(default_factory=dict)

    def see(self, at_s: float, faces: FoundFaces) -> Hint:
        """Takes the faces of a frame into account; returns what to say.

        Args:
            at_s: when it was captured, on any clock that does not go back.
            faces: all of them.
        """
        subject = choose_face(faces)
        if isinstance(subject, Unfit):
            return _hint_of(subject)
        brightness = float(np.mean(faces.crops[subject]))
        if not DARK <= brightness <= BRIGHT:
            return Hint.DARK if brightness < DARK else Hint.BRIGHT
        self._keep(int(at_s / STRETCH_S), float(faces.quality.values[subject]), faces, subject)
        return Hint.GOOD

    @property
    def count(self) -> int:
        """How many good looks there are, at most as many as are wanted."""
        return min(WANTED, sum(look.quality >= GOOD_QUALITY for look in self._best.values()))

    @property
    def is_done(self) -> bool:
        return self.count == WANTED

    @property
    def looks(self) -> list[Candidate]:
        """The best ones, best first."""
        return sorted(self._best.values(), key=lambda look: -look.quality)[:WANTED]

    def _keep(self, stretch: int, quality: float, faces: FoundFaces, subject: int) -> None:
        if stretch not in self._best or quality > self._best[stretch].quality:
            self._best[stretch] = Candidate(faces.crops[subject].copy(), quality, self.source, None)


def _hint_of(unfit: Unfit) -> Hint:
    if unfit.fault is not None:
        return HINTS[unfit.fault]
    by_reason = {Refusal.NO_FACE: Hint.NOBODY, Refusal.SEVERAL_FACES: Hint.SEVERAL, Refusal.TOO_SMALL: Hint.CLOSER}
    return by_reason[unfit.reason]
