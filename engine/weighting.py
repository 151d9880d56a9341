"""What a look counts for among a track's looks. Apart from quality.py, which needs OpenCV: who fuses sees no pixel."""

EXPONENT = 4
"""By benchmarks/tracks.py."""


def weight_in_mean(quality: float) -> float:
    """Returns how much an embedding counts in the mean of a track: quality^4, so that the best looks decide.

    Bad looks are not independent noise that averages out: small faces all drift the same way, and would take the mean
    with them.

    Args:
        quality: 0..1.
    """
    return quality**EXPONENT
