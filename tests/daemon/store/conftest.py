"""What does not depend on the database's own files is tested on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.store import Store

ON_BOTH = {"test_event_store", "test_gallery_changes", "test_people_store", "test_stranger_store", "test_expiring"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in ON_BOTH:
        metafunc.parametrize("store", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    on_postgres = getattr(request, "param", "sqlite") == "postgresql"
    url = request.getfixturevalue("postgres").new_database() if on_postgres else None
    with Store.open(tmp_path / "identities.sqlite", busy_timeout_s=0.2, url=url) as store:
        yield store
