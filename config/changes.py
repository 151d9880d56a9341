"""What differs between two configurations, for people."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretStr

from config.settings import Settings

MISSING = object()

NAMES_PEOPLE = re.compile(r"rules\.[^.]+\.(people|watch)")
"""Settings whose values are people's names. What differs is logged, and stored in events that are nobody's: erasing a
person does not reach these."""


@dataclass(frozen=True, slots=True)
class Change:
    key: str
    """`cameras.door.detect_fps`, or `cameras.yard` for one that is new or gone."""
    what: str
    """`5.0 -> 8.0`, `added`, `removed`, or `changed` where a value is a secret or a person's name."""

    def __str__(self) -> str:
        return f"{self.key}: {self.what}"


def find_changes(old: Settings, new: Settings) -> list[Change]:
    """Returns every setting that differs, in the order of the settings; no secret and no person's name is in it."""
    return list(_compare("", old, new))


def _compare(key: str, old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    if old is MISSING or new is MISSING:
        yield Change(key, "added" if old is MISSING else "removed")
    elif isinstance(old, BaseModel) and type(old) is type(new):
        for name in type(old).model_fields:
            yield from _compare(_join(key, name), getattr(old, name), getattr(new, name))
    elif isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            yield from _compare(_join(key, name), old.get(name, MISSING), new.get(name, MISSING))
    elif _holds_secret(old) or _holds_secret(new) or NAMES_PEOPLE.fullmatch(key):
        yield Change(key, "changed")
    else:
        yield Change(key, f"{_shown(old)} -> {_shown(new)}")


def _holds_secret(value: Any) -> bool:
    """A secret, or a structure that may have one in it."""
    if isinstance(value, (list, tuple)):
        return any(map(_holds_secret, value))
    return isinstance(value, (SecretStr, BaseModel, dict))


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value)


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else str(name)
