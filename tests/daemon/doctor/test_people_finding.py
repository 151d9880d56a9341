from pathlib import Path

import pytest

from config import Settings
from daemon.doctor.people import examine_people
from daemon.store import Store
from engine.manifests import find_model
from tests.daemon.factories import MODEL, make_template, unit


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path)


def test_nothing_is_said_before_there_is_a_store(settings: Settings) -> None:
    assert list(examine_people(settings)) == []


@pytest.mark.parametrize(("digest", "state"), [(find_model("deconv_v2").sha256, "ok"), (MODEL, "warn")])
def test_templates_of_another_model_are_told_with_the_command(settings: Settings, digest: str, state: str) -> None:
    with Store.of(settings, "test") as store:
        store.people.enrol("Ann", make_template(unit(1), digest))
    [finding] = examine_people(settings)
    assert finding.state == state
    assert ("deconvid people reembed" in finding.fix) == (state == "warn")


def test_a_store_that_cannot_be_read_is_told(settings: Settings) -> None:
    settings.database.write_bytes(b"no database" * 100)
    [finding] = examine_people(settings)
    assert (finding.state, bool(finding.fix)) == ("fail", True)


def test_a_model_that_is_not_known_is_the_configurations_problem(settings: Settings) -> None:
    Store.of(settings, "test").close()
    unknown = settings.model_copy(update={"embedding": settings.embedding.model_copy(update={"model": "absent"})})
    assert list(examine_people(unknown)) == []
