"""Consent that runs out: nobody is matched from that moment, and after a while the person is erased."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from daemon.identity.expiry import Expiry
from daemon.store import Consent, Enrolment, Store
from daemon.store.days import end_of_day
from daemon.store.people import ConsentEndedError
from tests.daemon.factories import MODEL, make_template, unit

DAY = timedelta(days=1)


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def enforce(store: Store, clock: Clock) -> Callable[[], None]:
    return Expiry(store.expiry, 7, clock, clock, interval_s=0).enforce


def enrol(store: Store, name: str, expires_at: datetime | None, given_at: datetime | None = None) -> int:
    store.people.enrol(name, make_template(unit(1)))
    return store.people.set_consent(name, Consent("signed", expires_at, given_at)).id


def test_consent_is_kept(store: Store, clock: Clock) -> None:
    enrol(store, "Ann", clock.now + DAY)
    ann = store.people.get("Ann")
    assert (ann.consent_basis, ann.expires_at) == ("signed", clock.now + DAY)
    assert ann.consent_at is not None
    store.people.enrol("Ann", make_template(unit(2)))
    assert store.people.get("Ann").expires_at == clock.now + DAY


def test_expired_person_is_matched_by_nobody_and_comes_back_with_a_new_consent(store: Store, clock: Clock) -> None:
    ann, bob = enrol(store, "Ann", clock.now - DAY), enrol(store, "Bob", clock.now + DAY)
    gallery = store.people.gallery(MODEL)
    assert (gallery.person_ids.tolist(), gallery.people) == ([bob], {bob: "Bob"})
    store.people.set_consent("Ann", Consent("signed again", None))
    assert store.people.gallery(MODEL).person_ids.tolist() == [ann, bob]


def test_gallery_changes_when_a_consent_runs_out(store: Store, clock: Clock, enforce: Callable[[], None]) -> None:
    ann = enrol(store, "Ann", clock.now + DAY)
    enforce()
    before = store.gallery_revision
    enforce()
    assert store.gallery_revision == before
    clock.now += 2 * DAY
    enforce()
    assert store.people.changed(before).people == [ann]
    clock.now -= 2 * DAY  # the clock was wrong
    enforce()
    assert store.people.changed(before + 1).people == [ann]


def test_expired_people_are_erased_after_the_days_of_grace(
    store: Store, clock: Clock, enforce: Callable[[], None]
) -> None:
    enrol(store, "Ann", clock.now + DAY, given_at=clock.now - 99 * DAY)
    enrol(store, "Bob", None)
    clock.now += 7 * DAY
    enforce()
    assert len(store.people.all()) == 2
    clock.now += 2 * DAY
    enforce()
    assert [person.name for person in store.people.all()] == ["Bob"]
    assert store.audit.entries()[-1].action == "people.erase_expired"
    assert store.vault.ring.held() == {"person:2"}


def test_day_that_was_long_ago_when_it_was_put_on_record_leaves_the_days_of_grace(
    store: Store, clock: Clock, enforce: Callable[[], None]
) -> None:
    enrol(store, "Ann", clock.now - 365 * DAY)  # the wrong year
    clock.now += 6 * DAY
    enforce()
    assert len(store.people.all()) == 1
    clock.now += 2 * DAY
    enforce()
    assert store.people.all() == []


def test_imported_consent_that_ended_long_ago_leaves_the_days_of_grace(
    store: Store, clock: Clock, enforce: Callable[[], None]
) -> None:
    ended = Consent("signed", clock.now - 30 * DAY, clock.now - 400 * DAY)
    store.people.enrol_all(Enrolment("Ann", make_template(unit(seed)), ended) for seed in (1, 2))
    clock.now += 6 * DAY
    enforce()
    assert store.people.get("Ann").template_count == 2
    clock.now += 2 * DAY
    enforce()
    assert store.people.all() == []


def test_nothing_is_added_under_a_consent_that_has_ended(store: Store, clock: Clock) -> None:
    enrol(store, "Ann", clock.now - DAY)
    template, before = make_template(unit(2)), store.gallery_revision
    for consent in (None, Consent("signed", clock.now - DAY)):
        with pytest.raises(ConsentEndedError, match="'Ann' ended"):
            store.people.enrol_all([Enrolment("Bob", template), Enrolment("ann", template, consent)])
        with pytest.raises(ConsentEndedError, match="'Ann' ended"):
            store.people.check_consent("ANN", consent)
    assert [(person.name, person.template_count) for person in store.people.all()] == [("Ann", 1)]
    assert store.gallery_revision == before
    with pytest.raises(ConsentEndedError, match=r'`deconvid people consent "Ann" --basis WHY --expires DATE`'):
        store.people.enrol("Ann", template)


@pytest.mark.parametrize("days", [1, None])
def test_consent_that_is_renewed_first_or_comes_along_lets_templates_in(
    store: Store, clock: Clock, days: int | None
) -> None:
    fresh = Consent("signed", clock.now + days * DAY if days else None)
    for name in ("Ann", "Bob"):
        enrol(store, name, clock.now - DAY)
    store.people.set_consent("Ann", fresh)
    for name in ("Ann", "Cid"):
        store.people.check_consent(name)
        store.people.enrol(name, make_template(unit(2)))
    store.people.check_consent("Bob", fresh)
    store.people.enrol_all(Enrolment("Bob", make_template(unit(seed)), fresh) for seed in (2, 3))
    assert [person.template_count for person in store.people.all()] == [2, 3, 1]


def test_day_ends_at_midnight(clock: Clock) -> None:
    assert end_of_day("2027-12-31") == datetime(2028, 1, 1, tzinfo=UTC)
    for nonsense in ("tomorrow", "2027-13-01", "9999-12-31", ""):
        with pytest.raises(ValueError, match="2027-12-31"):
            end_of_day(nonsense)
