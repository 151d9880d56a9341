import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from engine import ImageError
from engine.images import load_photo
from engine.picture_header import picture_size

FORMATS = ["png", "jpg", "webp", "bmp"]


def gradient(width: int = 40, height: int = 30) -> np.ndarray:
    """A picture whose corners differ, (height, width, 3) uint8 BGR."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([x, y, np.full_like(x, 60)], axis=-1).astype(np.uint8)


def encoded(suffix: str, picture: np.ndarray | None = None) -> bytes:
    return bytes(cv2.imencode(f".{suffix}", gradient() if picture is None else picture)[1])


@pytest.mark.parametrize("suffix", FORMATS)
def test_pictures_of_every_format_load_in_bgr(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(encoded(suffix))
    photo = load_photo(path)
    assert photo.shape == (30, 40, 3)
    assert photo.dtype == np.uint8
    assert abs(photo.astype(int) - gradient()).mean() < 6


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_header_tells_the_size(suffix: str) -> None:
    assert picture_size(encoded(suffix)) == (40, 30)


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
def test_a_turned_photo_is_put_upright(tmp_path: Path, orientation: int, corner: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(gradient()[..., ::-1]).save(tmp_path / "a.jpg", exif=exif, quality=95)
    photo = load_photo(tmp_path / "a.jpg")
    assert photo.shape[:2] == ((30, 40) if orientation in (1, 3) else (40, 30))
    assert photo[corner][:2].max() < 20  # where the picture's dark corner went


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixel_becomes_bgr(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(gradient()[..., 0])
    picture = Image.fromarray(np.asarray(grey).astype(np.uint16) << 8) if mode == "I;16" else grey.convert(mode)
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    picture.save(path)
    photo = load_photo(path)
    assert photo.shape == (30, 40, 3)
    assert photo[:, 0].mean() < 10
    assert photo[:, -1].mean() > 240


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert (load_photo(tmp_path / "a.png") == 255).all()


def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    header = bytearray(encoded("png"))
    header[16:24] = (11_000).to_bytes(4, "big") * 2
    path.write_bytes(header)
    with pytest.raises(ImageError, match=r"bomb.png: is 11000x11000 pixels; the limit is .* 50 megapixels. Make it"):
        load_photo(path)


def test_a_picture_with_a_very_long_side_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded("png", np.zeros((1, 12_001, 3), np.uint8)))
    with pytest.raises(ImageError, match="12,000 a side"):
        load_photo(tmp_path / "a.png")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(50_000_001)
    with pytest.raises(ImageError, match="larger than 50 MB"):
        load_photo(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_picture_that_was_cut_off_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    whole = encoded(suffix, np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match="is damaged"):
        load_photo(path)


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "is empty"), (b"hello\n", "is not a PNG"), (b"GIF89a", "is not")]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=message):
        load_photo(tmp_path / "a.jpg")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in [(".", "is a folder"), ("pipe", "device or pipe"), ("absent", "No such")]:
        with pytest.raises(ImageError, match=message):
            load_photo(tmp_path / name)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(suffix=st.sampled_from(FORMATS), data=st.data())
def test_flipped_bytes_give_a_picture_or_an_image_error(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    content = bytearray(encoded(suffix))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "a").write_bytes(content)
    try:
        photo = load_photo(tmp_path / "a")
    except ImageError:
        return
    assert photo.ndim == 3
    assert photo.shape[2] == 3
