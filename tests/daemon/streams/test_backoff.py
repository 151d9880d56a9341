import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.streams.backoff import retry_delay_s


def test_delays_double_up_to_half_a_minute():
    delays = [retry_delay_s("backoff", failures, 0) for failures in range(1, 8)]
    assert delays == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize("state", ["auth_failed", "not_found", "unsupported"])
def test_what_only_a_person_can_mend_is_tried_once_a_minute_at_most(state):
    assert retry_delay_s(state, 1, 0) >= 60


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_jitter_only_adds_up_to_a_quarter(failures, chance):
    calm = retry_delay_s("stalled", failures, 0)
    assert calm <= retry_delay_s("stalled", failures, chance) <= 1.25 * calm
