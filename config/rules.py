"""`[rules.NAME]` and `[zones.NAME]`: what is worth telling whom."""

import re
from datetime import time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator

from config.cameras import CameraName
from config.polygons import Polygon
from config.section import Section

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
KIND = r"^[a-z]+(\.[a-z]+)?$"

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Level = Literal["info", "notice", "alert"]


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("a name has 1 to 32 of a-z, 0-9, - and _, and starts with a letter or a digit")
    return name


Name = Annotated[str, AfterValidator(_name)]


class ZoneSettings(Section):
    """A part of a camera's picture."""

    camera: CameraName
    polygon: Polygon
    """Corners as [x, y], each 0 (left, top) to 1 (right, bottom); the last one is joined to the first."""
    anchor: Literal["centre", "foot"] = "centre"
    """Which point of the face's box must lie in it: its centre, or the middle of its lower edge."""


class WindowSettings(Section):
    """A time of the week. It may pass midnight: it then belongs to the day on which it begins."""

    days: tuple[Day, ...] = Field(DAYS, min_length=1)
    begin: time = time(0)
    end: time = time(0)
    """Not after `begin`: of the next day. Equal: the window lasts a day."""

    @field_validator("begin", "end")
    @classmethod
    def _local(cls, moment: time) -> time:
        if moment.tzinfo:
            raise ValueError("has a time zone of its own; set `timezone` of the rule")
        return moment


class RuleSettings(Section):
    """An event passes that fulfils all of what is set here."""

    kinds: tuple[Annotated[str, Field(pattern=KIND)], ...] = Field(
        ("face.identified", "face.unknown", "face.corrected"), min_length=1
    )
    """Kinds of events, or the first word of several: `face`, `camera`, `daemon.started`. Who was unknown first and is
    recognised later is `face.corrected`."""
    cameras: tuple[CameraName, ...] = ()
    """Empty: all."""
    faces: Literal["all", "known", "unknown"] = "all"
    people: tuple[int | str, ...] = ()
    """Names or ids; empty: everybody."""
    zones: tuple[Name, ...] = ()
    """Only faces in one of these zones; empty: anywhere before any camera."""
    schedule: tuple[WindowSettings, ...] = ()
    """Only in one of these windows; empty: always."""
    timezone: str | None = None
    """Of the schedule, such as `Europe/Berlin`; unset: the machine's."""
    cooldown_s: float = Field(0.0, ge=0, le=7 * 86400)
    """After a person was told of at a camera, they are not told of there again for so long. All unknown people
    before a camera count as one."""
    stranger_cooldown_s: float = Field(0.0, ge=0, le=365 * 86400)
    """After an unknown face was told of, it is not told of again for so long, before any camera, when it comes back and
    is recognised (`[strangers]`)."""
    in_sight_s: float = Field(0.0, ge=0, le=3600)
    """Told only once the face has been in sight for so long."""
    unknown_after_s: Annotated[float, Field(ge=0, le=3600)] | Literal["never"] | None = None
    """The same for unknown faces; unset: as `in_sight_s`."""
    watch: tuple[int | str, ...] = ()
    """Names or ids of people who are told of at once, with `watch_level`, in spite of `cooldown_s` and `in_sight_s`."""
    level: Level = "info"
    watch_level: Level = "alert"

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        try:
            ZoneInfo(name or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is no time zone that is known; write one such as Europe/Berlin or UTC") from None
        return name
