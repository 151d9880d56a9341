"""Bytes spoiled in the ways that find faults in parsers."""

from random import Random

EXTREMES = (b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00")
"""As lengths, counts and sizes."""
LONGEST_PIECE = 200


def mutate(data: bytes, random: Random) -> bytes:
    """Returns the data with one to some hundred faults: bits, bytes, extremes, pieces gone, twice, or moved."""
    spoiled = bytearray(data)
    for _ in range(random.choice((1, 3, 30, 300))):
        place = random.randrange(len(spoiled) + 1)
        piece = slice(place, place + random.randrange(1, LONGEST_PIECE))
        match random.randrange(6):
            case 0 if place < len(spoiled):
                spoiled[place] ^= 1 << random.randrange(8)
            case 1:
                spoiled[place : place + 1] = random.randbytes(1)
            case 2:
                spoiled[place : place + 4] = random.choice(EXTREMES)
            case 3:
                del spoiled[piece]
            case 4:
                spoiled[place:place] = spoiled[piece]
            case 5:
                source = random.randrange(len(spoiled) + 1)
                spoiled[piece] = spoiled[source : source + LONGEST_PIECE]
    return bytes(spoiled)
