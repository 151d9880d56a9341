from pathlib import Path

import pytest

from daemon.store import Store
from tests.daemon.enrolment.studio import Studio


@pytest.fixture
def studio(tmp_path: Path, store: Store) -> Studio:
    return Studio(tmp_path / "photos", store)
