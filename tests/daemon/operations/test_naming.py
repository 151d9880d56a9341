from datetime import UTC, datetime
from pathlib import Path

import pytest

from config import Settings
from daemon.identity.crowd_change import crowd_change
from daemon.identity.sightings import Sighting, StrangerRules, see
from daemon.identity.strangers import Crowd
from daemon.operations.control import Answer, Request
from daemon.operations.naming import name_stranger
from daemon.store import Consent, Store
from daemon.store.stranger_records import Likeness
from engine.manifests import find_model
from tests.daemon.factories import make_template, unit


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With unknown-1 in the store."""
    settings = Settings(state=tmp_path)
    model = find_model(settings.embedding.model, ()).sha256
    with Store.of(settings, "daemon") as store:
        snapshot = store.strangers.snapshot(model)
        older = Crowd.of(snapshot)
        now = datetime.now(UTC)
        newer, _ = see(older, Sighting(Likeness(1, unit(1), 0.8, "door", now), now), StrangerRules(0.5, 0.05))
        store.strangers.apply(crowd_change(older, newer, revision=snapshot.revision, model_digest=model))
    return settings


def ask(settings: Settings, stranger: str = "unknown-1", name: str = "Ann Lovelace", unlike: bool = False) -> Answer:
    request = Request("name_stranger", actor="key:panel", stranger=stranger, name=name, unlike=unlike)
    return name_stranger(settings, request)


def test_named_stranger_is_enrolled_and_the_audit_log_says_by_whom(settings: Settings) -> None:
    assert ask(settings) == Answer(True, "unknown-1 is person 1 now")
    with Store.of(settings, "test") as store:
        assert store.people.get("Ann Lovelace").template_count == 1
        assert {entry.actor for entry in store.audit.entries(10)} == {"key:panel"}


@pytest.mark.parametrize(
    ("stranger", "name", "why"),
    [
        ("unknown-9", "Ann Lovelace", "there is no unknown-9"),
        ("unknown-1", "", "say whom to name"),
        ("Bob", "Ann Lovelace", "say whom to name"),
        ("unknown-1", "Ann\0Lovelace", "cannot be shown"),
    ],
)
def test_refusal_says_why(settings: Settings, stranger: str, name: str, why: str) -> None:
    answer = ask(settings, stranger, name)
    assert not answer.ok
    assert why in answer.message


def test_no_answer_holds_a_name_which_would_outlive_its_erasure(settings: Settings) -> None:
    answers = [ask(settings), ask(settings), ask(settings, name="Ann Lovelace\0")]
    assert not any("Lovelace" in answer.message for answer in answers)


def enrol(settings: Settings, name: str, seed: int, consent: Consent | None = None) -> None:
    template = make_template(unit(seed), find_model(settings.embedding.model, ()).sha256)
    with Store.of(settings, "test") as store:
        store.people.enrol(name, template)
        if consent:
            store.people.set_consent(name, consent)


def test_stranger_who_does_not_resemble_the_person_of_that_name_is_not_enrolled(settings: Settings) -> None:
    enrol(settings, "Ann Lovelace", 2)
    answer = ask(settings)
    assert not answer.ok
    assert "do not resemble who is enrolled by that name" in answer.message
    assert "Lovelace" not in answer.message
    with Store.of(settings, "test") as store:
        assert (store.people.get("Ann Lovelace").template_count, store.strangers.entry(1).state) == (1, "open")
    assert ask(settings, unlike=True) == Answer(True, "unknown-1 is person 1 now")


def test_stranger_who_resembles_the_person_of_that_name_is(settings: Settings) -> None:
    enrol(settings, "Ann Lovelace", 1)
    assert ask(settings) == Answer(True, "unknown-1 is person 1 now")


def test_new_name_for_a_known_face_is_told_without_a_name(settings: Settings) -> None:
    enrol(settings, "Bob Byron", 1)
    answer = ask(settings)
    assert (answer.ok, answer.message[:52]) == (True, "unknown-1 is person 2 now, and looks like person 1: ")
    assert "Byron" not in answer.message


def test_nothing_is_added_under_a_consent_that_has_ended(settings: Settings) -> None:
    enrol(settings, "Ann Lovelace", 1, Consent("signed", datetime(2026, 3, 1, tzinfo=UTC)))
    answer = ask(settings)
    assert not answer.ok
    assert "`deconvid people consent NAME" in answer.message
    assert "Lovelace" not in answer.message
