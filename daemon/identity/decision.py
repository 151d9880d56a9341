"""Who a track is: an open-set decision with a threshold, a margin and hysteresis. Pure: no clock, no store."""

from dataclasses import dataclass, replace
from typing import Literal

from daemon.identity.gallery import KnownPerson, Match


@dataclass(frozen=True, slots=True)
class DecisionRules:
    """See config.IdentitySettings; all scores are cosines."""

    threshold: float
    margin: float
    hysteresis: float
    least_observations: int
    nearness: float = 0.0
    patience: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What is held to be true of a track.

    pending -> tentative -> identified <-> unknown; any step may be left out, and none leads back to the first two.
    Only the last two are said.
    """

    state: Literal["pending", "tentative", "unknown", "identified"]
    person: KnownPerson | None = None
    """Set if and only if the state is `identified`."""
    score: float | None = None
    """Of the person; of the best one for any other face, None if nobody is enrolled or nothing was compared."""

    @property
    def is_open(self) -> bool:
        """Whether further looks are waited for before anything is said."""
        return self.state in ("pending", "tentative")

    def settled(self) -> "Decision":
        """Returns what is to be held when no further look will come."""
        return replace(self, state="unknown") if self.state == "tentative" else self

    def says_the_same_as(self, other: "Decision") -> bool:
        """Whether nothing new is said: a score may change, a person may not."""
        ids = [decision.person.id if decision.person else None for decision in (self, other)]
        return self.state == other.state and ids[0] == ids[1]


PENDING = Decision("pending")


def decide(match: Match | None, observations: int, previous: Decision, rules: DecisionRules) -> Decision:
    """Returns the next decision about a track.

    Args:
        match: of the track's fused embedding, asked with the previous decision's person as the incumbent; None if
            nobody is enrolled.
        observations: how many embeddings were fused.
        previous: the decision that holds now.
        rules: the limits.

    A person is named who reaches the threshold and is ahead of the second best by the margin. Who has been named
    keeps the track down to `threshold - hysteresis`, unless somebody else qualifies by the full rule. Too few
    observations decide nothing: what holds (after a restart, the decision from before) goes on to hold.

    A face of which nothing was said yet is not called unknown while somebody is nearer to the threshold than
    `nearness` and the patience lasts: who comes nearer is known better with each look.
    """
    if observations < rules.least_observations:
        return previous
    if match is None:
        return Decision("unknown")
    if match.score >= rules.threshold and match.score - match.runner_up_score >= rules.margin:
        return Decision("identified", match.person, match.score)
    kept = match.incumbent_score
    if previous.person is not None and kept is not None and kept >= rules.threshold - rules.hysteresis:
        return Decision("identified", previous.person, kept)
    is_near = match.score >= rules.threshold - rules.nearness
    if previous.is_open and is_near and observations < rules.patience:
        return Decision("tentative", score=match.score)
    return Decision("unknown", score=match.score)
