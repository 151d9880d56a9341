import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.detectors.letterbox import STRIDE, letterbox


@given(height=st.integers(1, 400), width=st.integers(1, 400), size_px=st.integers(32, 500))
def test_sides_fit_the_stride_and_little_is_padded(height: int, width: int, size_px: int) -> None:
    padded, scale = letterbox(np.full((height, width, 3), 9, np.uint8), size_px)
    content = np.argwhere(padded.any(axis=2)).max(axis=0) + 1
    assert max(content) <= size_px
    assert all(side % STRIDE == 0 for side in padded.shape[:2])
    assert all(p - c < STRIDE for p, c in zip(padded.shape, content, strict=False))
    assert abs(content - np.array([height, width]) * scale).max() <= 1


def test_a_small_picture_is_not_enlarged() -> None:
    padded, scale = letterbox(np.ones((64, 96, 3), np.uint8), 640)
    assert (padded.shape, scale) == ((64, 96, 3), 1.0)
