"""Problems of bridges that only the machine, or the rest of the configuration, can tell."""

import os
from collections.abc import Iterator
from pathlib import Path

from config import AnyBridge, JsonlSettings, MqttSettings, Problem, Settings, WebhookSettings
from daemon.rules.checking import missing


def find_bridge_problems(settings: Settings) -> Iterator[Problem]:
    paths: dict[Path, str] = {}
    for name, bridge in settings.bridges.items():
        key = f"bridges.{name}"
        yield from missing(f"{key}.rules", "rule", bridge.rules, settings.rules)
        yield from _problems_of(key, bridge)
        if isinstance(bridge, JsonlSettings):
            other = paths.setdefault(bridge.path.absolute(), name)
            if other != name:
                yield Problem(f"{key}.path", f"is the file of bridge {other} too", "Give each its own")


def _problems_of(key: str, bridge: AnyBridge) -> Iterator[Problem]:
    if isinstance(bridge, JsonlSettings):
        folder = bridge.path.absolute().parent
        if not os.access(folder, os.W_OK | os.X_OK):
            yield Problem(f"{key}.path", f"{folder} is no folder that this user may write", "Make it, or name another")
        return
    if bridge.ca_file and not os.access(bridge.ca_file, os.R_OK):
        yield Problem(f"{key}.ca_file", f"{bridge.ca_file} cannot be read", "Correct the path")
    if isinstance(bridge, MqttSettings) and bridge.password and bridge.username is None:
        yield Problem(f"{key}.username", "is missing beside a password", "Add it")
    if isinstance(bridge, WebhookSettings) and bridge.ca_file and bridge.url.get_secret_value().startswith("http:"):
        yield Problem(f"{key}.ca_file", "is for https:// alone", "Remove it, or correct the url")
