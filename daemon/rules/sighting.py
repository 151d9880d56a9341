"""An event as rules see it: what they judge by, of any kind and version of the schema."""

from datetime import datetime

import msgspec

Box = tuple[float, float, float, float]


class SeenPerson(msgspec.Struct, frozen=True):
    id: int
    name: str


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    kind: str
    captured_at: datetime
    """Aware: when it happened. For rules there is no other time."""
    camera: str | None = None
    track: str | None = None
    person: SeenPerson | None = None
    stranger: str | None = None
    """Under which number an unknown face is known; None: it has none yet."""
    pixels: Box | None = msgspec.field(default=None, name="box")
    frame_size: tuple[int, int] | None = None
    removed: tuple[int, ...] = ()
    """Of `gallery.changed`: ids of people who are no longer known."""

    @property
    def is_face(self) -> bool:
        return self.kind.startswith("face.") and self.track is not None

    @property
    def is_word(self) -> bool:
        """Whether it says who a face is."""
        return self.is_face and self.kind in ("face.identified", "face.unknown", "face.corrected")

    @property
    def box(self) -> Box | None:
        """x1 y1 x2 y2 as shares of the frame's width and height."""
        if self.pixels is None or self.frame_size is None or min(self.frame_size) < 1:
            return None
        (x1, y1, x2, y2), (width, height) = self.pixels, self.frame_size
        return x1 / width, y1 / height, x2 / width, y2 / height


_decoder = msgspec.json.Decoder(Sighting)


def sighting_of(payload: str | bytes) -> Sighting:
    """Returns what rules see of an event's JSON. Raises msgspec.MsgspecError: it is no event."""
    return _decoder.decode(payload)
