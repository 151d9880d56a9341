"""TOML to settings, with every problem of a file at once."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config.errors import ConfigError, Problem
from config.settings import Settings

PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

FIXES = {
    "extra_forbidden": "Remove it or correct its spelling; the reference lists every key",
    "missing": "Add it",
}


def load_settings(path: Path, environment: Mapping[str, str] | None = None, secrets: bool = True) -> Settings:
    """Returns the settings of a TOML file.

    Args:
        path: the file.
        environment: where `${NAME}` looks after the systemd credentials; the process's own if None.
        secrets: whether `${NAME}` is replaced. Only the daemon and its check need that; in the shell of an operator
            who adds a person, the service's credentials are not at hand.

    Raises:
        ConfigError: with every problem that was found.
    """
    environment = os.environ if environment is None else environment
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read ({error.strerror})", "Give --config a file")]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(path), f"is not TOML ({error})", "Correct the syntax")]) from error
    problems: list[Problem] = []
    if secrets:
        document = _fill_in(document, "", environment, problems)
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        problems += [_problem(detail) for detail in error.errors(include_url=False, include_input=False)]
        raise ConfigError(problems) from None  # pydantic's own text may quote a secret
    if problems:
        raise ConfigError(problems)
    return settings


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
        fix = f"Set {name}, or give the service LoadCredential={name}:FILE"
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
    credential = Path(environment.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / name
    return credential.read_text(encoding="utf-8").strip() if credential.is_file() else environment.get(name)


def _problem(detail: Any) -> Problem:
    # pydantic marks a fault of a dictionary's key with a last element "[key]".
    key = ".".join(str(part) for part in detail["loc"] if part != "[key]")
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "is not a setting"
    return Problem(key, message[0].lower() + message[1:], FIXES.get(detail["type"], "Correct the value"))
