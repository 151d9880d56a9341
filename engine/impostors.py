"""How alike two strangers may look to a model: the upper tail of their cosines, in three numbers and a share.

Above a high quantile the excess over it follows a generalised Pareto distribution, whatever the distribution below
looks like (Pickands 1975; Balkema and de Haan 1974):

    P(cosine > x) = share * (1 + shape * (x - above) / scale)^(-1 / shape)

So it tells rates that are too small for any test to count.
"""

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Strangers = Literal["alike", "anybody"]
"""Of somebody's own race and gender, who are the hardest to tell apart; or people at large."""

NEARLY_EXPONENTIAL = 1e-6
"""Shapes nearer to 0 are taken for 0, where the formula becomes an exponential."""


class ImpostorTail(BaseModel):
    """Cosines of strangers, from `above` on."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    above: float = Field(gt=-1, lt=1)
    """Cosine from which on the tail holds."""
    share: float = Field(gt=0, lt=1)
    """Of the comparisons that exceed it."""
    scale: float = Field(gt=0)
    shape: float = Field(gt=-1, lt=1)
    """Negative: there is a cosine that two strangers never exceed."""

    def rate(self, cosine: float) -> float:
        """Returns the share of comparisons of strangers that exceed the cosine; `share` for all below the tail."""
        excess = max(cosine - self.above, 0.0) / self.scale
        if abs(self.shape) < NEARLY_EXPONENTIAL:
            return self.share * math.exp(-excess)
        return self.share * math.pow(max(1 + self.shape * excess, 0.0), -1 / self.shape)

    def cosine(self, rate: float) -> float:
        """Returns the cosine that this share of comparisons of strangers exceeds, `above` for all beyond `share`.

        Args:
            rate: above 0.
        """
        odds = max(self.share / rate, 1.0)
        if abs(self.shape) < NEARLY_EXPONENTIAL:
            return self.above + self.scale * math.log(odds)
        return self.above + self.scale * math.expm1(self.shape * math.log(odds)) / self.shape


class LookTails(BaseModel):
    """What is compared with an enrolled photo."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    track: ImpostorTail
    """A track's fused looks against an enrolled photo."""
    photos: ImpostorTail
    """Two enrolled photos."""


class ImpostorTails(LookTails):
    """Of strangers who are alike: of one race and gender."""

    tracks: ImpostorTail
    """Two tracks' fused looks: far-off and blurred faces all drift the same way, so these are alike more often."""
    anybody: LookTails | None = None
    """Of any two people at large; None: nobody has measured them."""

    def of(self, strangers_are: Strangers) -> LookTails:
        """Returns the tails of such strangers; of those who are alike, who are on the safe side, if there are none."""
        return self.anybody if strangers_are == "anybody" and self.anybody else self
