"""Where each effective value comes from: a default, a line of the file, a credential, the environment. No secrets."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import to_jsonable_python

from config.credentials import credential_path
from config.loading import PLACEHOLDER, load_settings

SET = "(set)"
"""Stands for every secret, and for every value that was filled in from elsewhere."""


@dataclass(frozen=True, slots=True)
class Effective:
    key: str
    """`cameras.door.url`."""
    value: Any
    """As JSON has it; None: unset."""
    origin: str
    """`default`, `line 7`, or `line 7, credential DOOR_PASSWORD`."""


def explain(path: Path, environment: Mapping[str, str] | None = None) -> list[Effective]:
    """Returns every setting that holds with this file, in the order of the reference.

    Args:
        path: the configuration.
        environment: where `${NAME}` would look; the process's own if None. What is not there is no error.

    Raises:
        ConfigError: with every problem of the file.
    """
    environment = os.environ if environment is None else environment
    settings = load_settings(path, environment, secrets=False)
    text = path.read_text(encoding="utf-8")
    written, lines = dict(_leaves(tomllib.loads(text))), _lines(text)
    return [_effective(key, value, written, lines, environment) for key, value in _leaves(settings)]


def _effective(
    key: str, value: Any, written: dict[str, Any], lines: dict[str, int], environment: Mapping[str, str]
) -> Effective:
    if key not in lines:
        return Effective(key, _shown(value), "default")
    names = PLACEHOLDER.findall(str(written.get(key, "")))
    sources = [f"line {lines[key]}", *(_source(name, environment) for name in names)]
    return Effective(key, SET if names else _shown(value), ", ".join(sources))


def _source(name: str, environment: Mapping[str, str]) -> str:
    if os.path.isfile(credential_path(name, environment)):
        return f"credential {name}"
    return f"environment {name}" if name in environment else f"{name} (not at hand here)"


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yields each value that is no section, with its dotted key."""
    inner = dict(value) if isinstance(value, BaseModel | dict) else None
    if inner or (inner == {} and not key):
        for name, part in inner.items():
            yield from _leaves(part, f"{key}.{name}".lstrip("."))
    else:
        yield key, value


def _lines(text: str) -> dict[str, int]:
    """Returns on which line each key begins.

    tomllib keeps no positions, but it knows where a document may end: a key that the first n lines have, and no fewer,
    ends on line n, and begins behind the last line before it at which a document could end.
    """
    found: dict[str, int] = {}
    lines, whole = text.splitlines(keepends=True), 0
    for number in range(1, len(lines) + 1):
        try:
            keys = [key for key, _ in _leaves(tomllib.loads("".join(lines[:number])))]
        except tomllib.TOMLDecodeError:
            continue
        for key in keys:
            found.setdefault(key, whole + 1)
        whole = number
    return found


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return SET
    return to_jsonable_python(value, serialize_unknown=True)
