from hypothesis import given
from hypothesis import strategies as st

from daemon.closer.budget import DecodeBudget


def test_what_was_saved_is_spent_and_then_what_comes():
    budget = DecodeBudget(share=0.1, most_saved=20)
    assert budget.spend(20)
    assert not budget.spend(1)
    for _ in range(15):
        budget.earn()
    assert budget.spend(1)
    assert not budget.spend(1)
    assert budget.spend(0)


@given(st.lists(st.one_of(st.none(), st.integers(0, 60)), max_size=300))
def test_never_more_than_the_share_and_what_was_saved_at_first(deeds):
    budget, came = DecodeBudget(share=0.1, most_saved=50), 0
    for packets in deeds:
        if packets is None:
            budget.earn()
            came += 1
        else:
            before = budget.spent
            granted = budget.spend(packets)
            assert budget.spent == before + packets * granted
        assert budget.spent <= 50 + 0.1 * came + 1e-6


def test_a_quiet_day_saves_no_more_than_the_bound():
    budget = DecodeBudget(share=0.5, most_saved=10)
    for _ in range(1000):
        budget.earn()
    assert not budget.spend(11)
    assert budget.spend(10)
