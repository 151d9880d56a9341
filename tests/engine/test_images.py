import time

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from hypothesis import given
from hypothesis import strategies as st

from engine.images import YuvImage

AGREE_WITH_SWSCALE_GREY_LEVELS = 1.5
"""Mean difference; the two interpolate chroma differently."""


def to_yuv(bgr: np.ndarray, colorspace: Colorspace, colour_range: ColorRange) -> YuvImage:
    """What a camera with these properties would deliver of the picture."""
    frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
    coded = frame.reformat(format="yuv420p", dst_colorspace=colorspace, dst_color_range=colour_range)
    return YuvImage(*planes(coded), colorspace == Colorspace.ITU709, colour_range == ColorRange.JPEG)


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    chroma = ((frame.height + 1) // 2, (frame.width + 1) // 2)
    sizes = [(frame.height, frame.width), chroma, chroma]
    return [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:h, :w].copy()
        for plane, (h, w) in zip(frame.planes, sizes, strict=True)
    ]


@pytest.mark.parametrize("colour_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("colorspace", [Colorspace.ITU601, Colorspace.ITU709])
def test_colours_are_those_of_swscale(astronaut: np.ndarray, colorspace: Colorspace, colour_range: ColorRange) -> None:
    image = to_yuv(astronaut, colorspace, colour_range)
    frame = av.VideoFrame(image.width, image.height, "yuv420p")
    for plane, data in zip(frame.planes, (image.y, image.u, image.v), strict=True):
        plane.update(np.pad(data, ((0, 0), (0, plane.line_size - data.shape[1]))).tobytes())
    reference = frame.reformat(
        format="bgr24", src_colorspace=colorspace, src_color_range=colour_range, dst_color_range=ColorRange.JPEG
    ).to_ndarray()
    assert abs(image.to_bgr().astype(int) - reference).mean() < AGREE_WITH_SWSCALE_GREY_LEVELS


def test_the_wrong_matrix_would_be_noticed(astronaut: np.ndarray) -> None:
    image = to_yuv(astronaut, Colorspace.ITU709, ColorRange.MPEG)
    wrong = YuvImage(image.y, image.u, image.v, bt709=False, full_range=False)
    assert abs(wrong.to_bgr().astype(int) - astronaut).mean() > 2 * AGREE_WITH_SWSCALE_GREY_LEVELS


@given(
    width=st.integers(1, 60),
    height=st.integers(1, 60),
    corners=st.tuples(*[st.integers(-20, 80)] * 4),
)
def test_a_crop_is_the_same_part_of_the_whole(width: int, height: int, corners: tuple[int, int, int, int]) -> None:
    frame = random_frame(width, height)
    x1, y1, x2, y2 = corners
    if min(x2, width) <= max(0, x1) & ~1 or min(y2, height) <= max(0, y1) & ~1:
        with pytest.raises(ValueError, match="no pixel"):
            frame.crop_bgr(*corners)
        return
    part, (x, y) = frame.crop_bgr(*corners)
    assert x % 2 == y % 2 == 0
    assert part.shape == (min(y2, height) - y, min(x2, width) - x, 3)
    whole = frame.to_bgr()[y : y + part.shape[0], x : x + part.shape[1]]
    # Chroma at the crop's edge has no neighbour outside, so compare what lies inside.
    assert np.array_equal(part[2:-2, 2:-2], whole[2:-2, 2:-2])


@pytest.mark.parametrize("size", [(320, 180), (33, 17), (1280, 720)])
def test_a_resized_frame_shows_the_same_picture(astronaut: np.ndarray, size: tuple[int, int]) -> None:
    frame = to_yuv(astronaut, Colorspace.ITU709, ColorRange.MPEG).resized(*size)
    assert (frame.width, frame.height) == size
    reference = cv2.resize(astronaut, size, interpolation=cv2.INTER_AREA if size[0] < 512 else cv2.INTER_LINEAR)
    assert abs(frame.to_bgr().astype(int) - reference).mean() < 6


def test_a_frame_of_the_detectors_size_converts_in_two_milliseconds() -> None:
    frame = random_frame(640, 360)
    frame.to_bgr()
    fastest = min(_seconds(frame) for _ in range(20))
    assert fastest < 0.002


def test_planes_that_do_not_belong_together_are_refused() -> None:
    plane = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match="plane u must be uint8"):
        YuvImage(plane, plane, plane, bt709=True, full_range=True)


def random_frame(width: int, height: int) -> YuvImage:
    rng = np.random.default_rng(width * 100 + height)
    chroma = ((height + 1) // 2, (width + 1) // 2)
    y, u, v = (rng.integers(0, 256, shape, np.uint8) for shape in ((height, width), chroma, chroma))
    return YuvImage(y, u, v, bt709=True, full_range=False)


def _seconds(frame: YuvImage) -> float:
    start = time.perf_counter()
    frame.to_bgr()
    return time.perf_counter() - start
