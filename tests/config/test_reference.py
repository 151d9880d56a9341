import json
import re
import tomllib
from pathlib import Path

import pytest

from config.reference import settings_reference, settings_schema

ROOT = Path(__file__).parents[2]
FIX = "run `make reference`"


def test_the_committed_schema_is_current():
    assert json.loads((ROOT / "config" / "schema.json").read_text()) == settings_schema(), FIX


def test_the_committed_reference_is_current():
    assert (ROOT / "docs" / "configuration.md").read_text() == settings_reference() + "\n", FIX


def test_an_editor_finds_the_schema_of_the_example():
    directive = (ROOT / "config" / "example.toml").read_text().splitlines()[0]
    assert (ROOT / "config" / directive.removeprefix("#:schema ")).is_file()


def test_every_key_of_the_schema_is_in_the_reference():
    text = settings_reference()
    for name, section in settings_schema()["$defs"].items():
        for key in section.get("properties", {}):
            assert re.search(rf"(\| `{key}` \||\.{key}\]+`)", text), f"{name}.{key}"


@pytest.mark.parametrize("row", re.findall(r"^\| `(\w+)` \| .* \| `(.+?)` \|", settings_reference(), re.M))
def test_a_default_is_written_as_in_the_file(row):
    key, default = row
    assert key in tomllib.loads(f"{key} = {default}")
