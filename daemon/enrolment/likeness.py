"""How alike two photos must be to mean something, from what the model's manifest says of strangers."""

from engine.manifests import ModelSpec

ODD_RATE = 0.02
"""A photo that is no more alike to any other of its person than 1 in 50 strangers is, does not fit."""
SITTING_RATE = 1e-3
"""The same for looks that one camera took within a minute: these are more alike than photos."""
ALARM_RATE = 0.01
"""Of new photos of strangers, so many are said to resemble somebody."""


def cosine_of_strangers(model: ModelSpec, rate: float) -> float:
    """Returns the cosine that so many comparisons of photos of two strangers exceed, at least about."""
    if model.impostors is None:
        return model.threshold or 0.0
    return model.impostors.photos.cosine(rate)


def alarm_cosine(model: ModelSpec, compared: int, alarm_rate: float = ALARM_RATE) -> float:
    """Returns from which cosine on a photo resembles somebody, if it is compared with so many templates of others."""
    return cosine_of_strangers(model, alarm_rate / max(compared, 1))
