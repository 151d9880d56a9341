"""Photos from files. Their bytes are not trusted: sizes are bounded before memory is taken."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.errors import ImageError
from engine.picture_header import picture_size

LARGEST_FILE_BYTES = 50_000_000
LARGEST_PIXELS = 50_000_000
LARGEST_SIDE_PX = 12_000


def load_photo(path: Path) -> NDArray[np.uint8]:
    """Returns a PNG, JPEG, WebP or BMP file, turned as its EXIF orientation says, (H, W, 3) uint8 BGR.

    Grey becomes three equal channels; what is transparent becomes white.

    Raises:
        ImageError: the file cannot be read, is too large, is no such picture, or is damaged.
    """
    return decode_photo(read_photo(path), path)


def decode_photo(data: bytes, path: Path) -> NDArray[np.uint8]:
    """Returns what `load_photo` does, of bytes that were read from `path` already.

    Raises:
        ImageError: they are too many pixels, no such picture, or damaged.
    """
    size = picture_size(data)
    if size is None:
        raise ImageError(f"{path}: is not a PNG, JPEG, WebP or BMP picture. Convert it to one of these")
    width, height = size
    if min(size) < 1:
        raise ImageError(f"{path}: is damaged (it claims to be {width}x{height} pixels). Export the picture again")
    if max(size) > LARGEST_SIDE_PX or width * height > LARGEST_PIXELS:
        raise ImageError(
            f"{path}: is {width}x{height} pixels; the limit is {LARGEST_SIDE_PX:,} a side and "
            f"{LARGEST_PIXELS // 1_000_000} megapixels. Make it smaller"
        )
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "BMP")) as picture:
            if picture.size != size:
                raise ValueError("its header contradicts itself")
            return _to_bgr(picture)
    except Exception as error:  # decoders fail on hostile bytes with whatever exception they happen to meet
        reason = "its header makes no sense" if isinstance(error, UnidentifiedImageError) else error
        raise ImageError(f"{path}: is damaged ({reason}). Export the picture again") from error


def read_photo(path: Path) -> bytes:
    """Returns the bytes of a file that may be a photo.

    Raises:
        ImageError: it cannot be read, is empty, or too large.
    """
    try:
        if path.is_dir():
            raise ImageError(f"{path}: is a folder. Name a picture")
        if path.exists() and not path.is_file():
            raise ImageError(f"{path}: is a device or pipe. Name a file")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ImageError(f"{path}: cannot be read ({reason}). Check the name and the permissions") from error
    if not data:
        raise ImageError(f"{path}: is empty. Copy the picture again")
    if len(data) > LARGEST_FILE_BYTES:
        raise ImageError(
            f"{path}: is larger than {LARGEST_FILE_BYTES // 1_000_000} MB, the limit of a photo. Make it smaller"
        )
    return data


def _to_bgr(picture: Image.Image) -> NDArray[np.uint8]:
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I"):  # 16-bit grey: Pillow would clip it instead of scaling
        grey = np.asarray(upright).astype(np.int64) >> 8
        return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    if upright.has_transparency_data:
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright.convert("RGBA"))
    return np.ascontiguousarray(np.asarray(upright.convert("RGB"))[..., ::-1])
