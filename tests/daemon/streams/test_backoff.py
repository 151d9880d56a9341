from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.streams.backoff import BOOT_S, FIRST_S, JITTER, PATIENT_FIRST_S, SETTLED_S, Retries, retry_delay_s
from daemon.streams.faults import SourceError
from daemon.streams.knocking import KNOCK_S

AWAY = SourceError("backoff", "nobody there", away=True)
ENDED = SourceError("backoff", "the camera ended the connection")
REFUSED = SourceError("auth_failed", "wrong password")
MISSING = SourceError("not_found", "no such stream")
SOON_S = FIRST_S * (1 + JITTER)


@dataclass
class Camera:
    """A camera that is tried; time goes by as the attempts and the waits between them take it."""

    chance: float = 0.0
    now_s: float = 0.0
    retries: Retries = field(init=False)

    def __post_init__(self) -> None:
        self.retries = Retries(lambda: self.now_s, lambda: self.chance)

    def try_once(self, fault: SourceError, *, took_s: float = 0.01, streamed_s: float | None = None) -> float:
        self.retries.began()
        self.now_s += took_s
        if not fault.away:
            self.retries.answered()
        if streamed_s is not None:
            self.retries.opened()
            self.now_s += streamed_s
        delay_s = self.retries.failed(fault)
        self.now_s += delay_s
        return delay_s


def test_delays_double_up_to_half_a_minute():
    delays = [retry_delay_s("backoff", failures, 0) for failures in range(1, 9)]
    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize("state", ["auth_failed", "not_found", "unsupported"])
def test_what_only_a_person_can_mend_is_tried_once_a_minute_at_most(state):
    assert retry_delay_s(state, 1, 0) >= 60


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_jitter_only_adds_up_to_a_quarter(failures, chance):
    calm = retry_delay_s("stalled", failures, 0)
    assert calm <= retry_delay_s("stalled", failures, chance) <= 1.25 * calm


@given(chance=st.floats(0, 1), hours=st.integers(0, 48), took_s=st.floats(0, 10))
def test_who_is_away_is_asked_every_half_second_however_long(chance, hours, took_s):
    camera = Camera(chance)
    camera.try_once(AWAY)
    camera.now_s += 3600 * hours
    delay_s = camera.try_once(AWAY, took_s=took_s)
    assert took_s + delay_s == pytest.approx(max(took_s, KNOCK_S * (1 + JITTER * chance)))


def test_who_comes_back_has_no_past():
    camera = Camera()
    delays = [camera.try_once(ENDED) for _ in range(6)]
    assert delays == [0.5, 1, 2, 4, 8, 16]
    camera.try_once(AWAY)
    assert camera.try_once(ENDED) == FIRST_S


def test_a_connection_that_held_was_a_good_one():
    camera = Camera()
    for _ in range(5):
        camera.try_once(ENDED, streamed_s=SETTLED_S / 2)
    assert camera.try_once(ENDED, streamed_s=2 * SETTLED_S) == FIRST_S


def test_a_long_wait_for_an_answer_is_no_connection_that_held():
    camera = Camera()
    camera.try_once(ENDED)
    assert camera.try_once(ENDED, took_s=2 * SETTLED_S) == 2 * FIRST_S


def test_a_stream_that_never_was_is_not_asked_for_often():
    assert Camera().try_once(MISSING) == PATIENT_FIRST_S


def test_a_stream_that_was_may_come_back():
    camera = Camera()
    camera.try_once(ENDED, streamed_s=3600)
    assert [camera.try_once(MISSING) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_camera_that_starts_may_not_know_its_streams_yet():
    camera = Camera()
    camera.try_once(AWAY)
    assert camera.try_once(MISSING) == FIRST_S
    camera.now_s += BOOT_S
    assert camera.try_once(MISSING) >= PATIENT_FIRST_S


attempts = st.tuples(st.sampled_from([AWAY, ENDED, REFUSED, MISSING]), st.none() | st.floats(0, 100))


@given(st.lists(attempts, max_size=30), st.floats(0, 1))
def test_a_refused_login_is_never_repeated_within_a_minute(history: list[tuple[SourceError, float | None]], chance):
    camera = Camera(chance)
    for fault, streamed_s in history:
        delay_s = camera.try_once(fault, streamed_s=None if fault.away else streamed_s)
        assert delay_s >= PATIENT_FIRST_S or fault is not REFUSED
        assert delay_s >= FIRST_S or fault.away


def last_knock(random: Random, seconds: float) -> float:
    camera, knocked_s = Camera(), 0.0
    while camera.now_s < seconds:
        knocked_s, camera.chance = camera.now_s, random.random()
        camera.try_once(AWAY, took_s=0.0)
    return knocked_s


@pytest.mark.parametrize("seed", range(3))
def test_dead_cameras_do_not_march_in_step(seed):
    """150 that died together: half a minute later, no tenth of a second has more than twice its share of knocks."""
    tenths = [int(10 * last_knock(random, 30)) for random in [Random(seed)] for _ in range(150)]
    assert max(tenths.count(tenth) for tenth in tenths) <= 2 * len(tenths) * 0.1 / KNOCK_S
