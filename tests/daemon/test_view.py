import pytest

from daemon.view import FIRST_LOOKS, Looks, worth_embedding


@pytest.mark.parametrize(
    ("looks", "quality", "now_s", "worth"),
    [
        pytest.param(Looks(), 0.3, 10, True, id="a new track"),
        pytest.param(Looks(FIRST_LOOKS - 1, 0.9, 10), 0.3, 10.1, True, id="one of the first looks"),
        pytest.param(Looks(FIRST_LOOKS, 0.5, 10), 0.5, 10.2, False, id="nothing new"),
        pytest.param(Looks(FIRST_LOOKS, 0.5, 10), 0.7, 10.2, True, id="clearly better"),
        pytest.param(Looks(FIRST_LOOKS, 0.9, 10), 0.3, 11.1, True, id="time to look again"),
    ],
)
def test_a_crop_is_embedded_when_it_tells_something(looks, quality, now_s, worth):
    assert worth_embedding(looks, quality, now_s, refresh_s=1.0) is worth
