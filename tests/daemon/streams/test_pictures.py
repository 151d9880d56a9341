import numpy as np
import pytest
from av import VideoFrame
from av.video.reformatter import ColorRange, Interpolation

from daemon.streams.pictures import BT709, SMPTE170M, to_picture
from engine.images import YuvImage

TOLERANCE = 4
"""Grey levels: chroma is subsampled in some formats, and rounding differs."""


def make_frame(pixel_format: str, width: int = 64, height: int = 48) -> tuple[VideoFrame, np.ndarray]:
    """A smooth picture in that format, and what it shows, (H, W, 3) uint8 BGR."""
    rows, columns = np.mgrid[:height, :width]
    bgr = np.stack([40 + 2 * columns, 60 + 2 * rows, 200 - columns - rows], axis=-1).astype(np.uint8)
    frame = VideoFrame.from_ndarray(bgr, "bgr24").reformat(format=pixel_format, interpolation=Interpolation.BICUBIC)
    return frame, bgr


FORMATS = ["yuv420p", "yuvj420p", "yuvj422p", "yuyv422", "nv12", "yuv444p", "yuv420p10le", "p010le", "gbrp", "bgr24"]
EVEN, ODD = (64, 48), (63, 47)
CASES = [(name, size) for name in FORMATS for size in (EVEN, ODD) if (name, size) != ("yuyv422", ODD)]  # no such thing


@pytest.mark.parametrize(("pixel_format", "size"), CASES)
def test_every_pixel_format_shows_the_same_colours(pixel_format, size):
    frame, bgr = make_frame(pixel_format, *size)
    picture = to_picture(frame)
    assert [plane.shape for plane in picture.planes] == [size[::-1]] + [((size[1] + 1) // 2, (size[0] + 1) // 2)] * 2
    shown = YuvImage(*picture.planes, bt709=picture.bt709, full_range=picture.full_range).to_bgr()
    difference = np.abs(shown.astype(int) - bgr)[2:-2, 2:-2]
    assert difference.mean() < TOLERANCE


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("colorspace", range(18))
def test_no_colours_that_the_scaler_does_not_know_cost_the_picture(pixel_format, colorspace):
    frame, _ = make_frame(pixel_format)
    known = to_picture(frame).planes[0].copy()
    frame.colorspace = colorspace  # 8: YCgCo, 10: BT.2020 with constant luminance, 14: ICtCp
    assert (np.abs(to_picture(frame).planes[0].astype(int) - known) <= 1).all()


@pytest.mark.parametrize("full_range", [True, False])
def test_what_a_gpu_decodes_keeps_its_values(full_range):
    frame = VideoFrame(64, 48, "nv12")
    luma = np.arange(64, dtype=np.uint8) * 4
    for plane, row in zip(frame.planes, (luma, np.tile(np.uint8([3, 250]), 32)), strict=True):
        plane.update(np.tile(np.pad(row, (0, plane.line_size - row.size)), plane.height))
    frame.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
    picture = to_picture(frame)
    y, u, v = picture.planes
    assert (picture.full_range, u.shape, v.shape) == (full_range, (24, 32), (24, 32))
    assert (y == luma).all()
    assert (u == 3).all()
    assert (v == 250).all()


@pytest.mark.parametrize(
    ("colorspace", "height", "bt709"),
    [(2, 48, False), (2, 720, True), (BT709, 48, True), (SMPTE170M, 720, False)],
    ids=["unknown-sd", "unknown-hd", "said-709", "said-601"],
)
def test_colours_are_what_the_camera_says_else_by_height(colorspace, height, bt709):
    frame = VideoFrame(64, height, "yuv420p")
    frame.colorspace = colorspace
    assert to_picture(frame).bt709 is bt709
