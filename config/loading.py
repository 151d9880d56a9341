"""TOML to settings, with every problem of a file at once."""

import copy
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config.credentials import SOURCES, credential_path
from config.errors import ConfigError, Problem
from config.settings import Settings

PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

FIXES = {
    "extra_forbidden": "Remove it or correct its spelling; docs/configuration.md lists every key",
    "missing": "Add it",
}
SALVAGE_ROUNDS = 3
"""How often what is faulty is taken out; each may leave a section without what it needs."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says, and what is wrong with it."""

    settings: Settings | None
    """Without what is wrong; None if nothing is left."""
    problems: tuple[Problem, ...]


def load_settings(path: Path, environment: Mapping[str, str] | None = None, secrets: bool = True) -> Settings:
    """Returns the settings of a TOML file; see `read_settings`.

    Raises:
        ConfigError: with every problem that was found.
    """
    reading = read_settings(path, environment, secrets)
    if reading.settings is None or reading.problems:
        raise ConfigError(reading.problems)
    return reading.settings


def read_settings(path: Path, environment: Mapping[str, str] | None = None, secrets: bool = True) -> Reading:
    """Returns what can be understood of a TOML file, and its problems.

    Args:
        path: the file.
        environment: where `${NAME}` looks after the systemd credentials; the process's own if None.
        secrets: whether `${NAME}` is replaced. Only the daemon and its check need that; in the shell of an operator
            who adds a person, the service's credentials are not at hand.
    """
    environment = os.environ if environment is None else environment
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return Reading(None, (Problem(str(path), f"cannot be read ({error.strerror})", "Give --config a file"),))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return Reading(None, (Problem(str(path), f"is not TOML ({error})", "Correct the syntax"),))
    problems: list[Problem] = []
    if secrets:
        document = _fill_in(document, "", environment, problems)
    elif isinstance(url := document.get("database_url"), str):
        # Whoever adds a person has to open the store; what is not at hand is told when it is opened.
        document["database_url"] = _fill_in(url, "database_url", environment, [])
    try:
        return Reading(Settings.model_validate(document), tuple(problems))
    except ValidationError as error:
        # Our own words for each: pydantic's text may quote a secret.
        details = error.errors(include_url=False, include_input=False)
        return Reading(_salvage(document, details), (*problems, *map(_problem, details)))


def _salvage(document: dict[str, Any], details: Sequence[Any]) -> Settings | None:
    """Returns the settings without the faulty keys, so that other checks can tell what else is wrong."""
    sound = copy.deepcopy(document)
    for _ in range(SALVAGE_ROUNDS):
        for detail in details:
            keys = _keys(detail)
            if detail["type"] == "missing":
                keys.pop()
            section: Any = sound
            for key in keys[:-1]:
                section = section.get(key, {}) if isinstance(section, dict) else {}
            if keys and isinstance(section, dict):
                section.pop(keys[-1], None)
        try:
            return Settings.model_validate(sound)
        except ValidationError as error:
            # A camera whose `url` was taken out lacks it now: the next round takes out the camera.
            details = error.errors(include_url=False, include_input=False)
    return None


def _fill_in(value: Any, key: str, environment: Mapping[str, str], problems: list[Problem]) -> Any:
    """Replaces `${NAME}` in every string by the credential or variable of that name."""
    if isinstance(value, dict):
        return {k: _fill_in(v, f"{key}.{k}".lstrip("."), environment, problems) for k, v in value.items()}
    if isinstance(value, list):
        return [_fill_in(v, f"{key}[{i}]", environment, problems) for i, v in enumerate(value)]
    if not isinstance(value, str):
        return value

    def look_up(match: re.Match[str]) -> str:
        name = match[1]
        # A process's environment is that of its start, and so are a service's credentials.
        fix = (
            f"Put it into {SOURCES / name}, give the service LoadCredential={name}:{SOURCES / name}, restart it, and "
            f"run commands with sudo; elsewhere, set the variable {name}"
        )
        try:
            found = _secret(name, environment)
        except (OSError, UnicodeDecodeError):
            problems.append(Problem(key, f"the credential {name} cannot be read", fix))
            return match[0]
        if found is None:
            problems.append(Problem(key, f"${{{name}}} is neither a credential nor an environment variable", fix))
            return match[0]
        return found

    return PLACEHOLDER.sub(look_up, value)


def _secret(name: str, environment: Mapping[str, str]) -> str | None:
    credential = credential_path(name, environment)
    # A folder that one may not enter hides nothing of the environment.
    return credential.read_text(encoding="utf-8").strip() if os.path.isfile(credential) else environment.get(name)


def _keys(detail: Any) -> list[str | int]:
    """Returns where in the file a fault is."""
    # pydantic marks a fault of a dictionary's key with a last element "[key]"...
    keys = [key for key in detail["loc"] if key != "[key]"]
    if keys[:1] == ["bridges"]:
        del keys[2:3]  # ... and names, after the bridge, the kind whose settings it took for the rest
    return keys


def _problem(detail: Any) -> Problem:
    key = ".".join(map(str, _keys(detail)))
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "is not a setting"
    return Problem(key, message[0].lower() + message[1:], FIXES.get(detail["type"], "Correct the value"))
