"""An identity store in a temporary folder, and what goes into it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "identities.sqlite", busy_timeout_s=0.2) as store:
        yield store
