"""`[strangers]` and `[retention]`: who is known without a name, and for how long anybody is remembered."""

from pydantic import Field

from config.days import DaysOrNever
from config.section import Section


class StrangerSettings(Section):
    """Unknown faces get a number (`unknown-12`) by which they are known when they come back."""

    enabled: bool = True
    """Whether faces of people who are not enrolled are kept (sealed, see `[privacy]`) to know them again. If false,
    nothing of them is stored but events."""
    least_looks: int = Field(3, ge=1, le=1000)
    """Embeddings of a track before an unknown face gets a number."""
    least_quality: float = Field(0.35, ge=0, le=1)
    """Quality that the best look of the track must have."""
    most: int = Field(2000, ge=1, le=100_000)
    """Strangers who are remembered; beyond it the one who was away for longest is forgotten. Ignored ones do not
    count."""
    most_likenesses: int = Field(8, ge=2, le=32)
    """Faces of each stranger that are kept and compared with."""


class RetentionSettings(Section):
    """After how many days nothing is left that says who somebody was."""

    known_days: DaysOrNever = None
    """Events older than this lose the person's name, id and picture. If never, they keep it as long as
    `[events]` keeps the event."""
    unknown_days: DaysOrNever = 30
    """Strangers who were not seen for so long are forgotten."""
    ignored_days: DaysOrNever = 365
    """The same for ignored strangers: from then on they are unknown again."""
