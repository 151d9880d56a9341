"""The face's box and the person's name, drawn into a picture."""

from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from daemon.messages import Picture

COLOUR = (80, 220, 120)
BACKGROUND = (0, 0, 0)
LARGEST_SIDE = 4096
"""Pixels; larger ones were not made by the vision worker."""


def draw(picture: Picture, name: str, quality: int) -> bytes:
    """Returns the picture with the box and the name in it, as JPEG.

    Args:
        name: what stands below the box; characters that Pillow's own font lacks become boxes.
        quality: of the JPEG.

    Raises:
        OSError: it is no picture.
    """
    image = _decoded(picture.jpeg)
    pen = ImageDraw.Draw(image)
    x1, x2 = sorted(min(max(x, 0.0), float(image.width)) for x in picture.box[::2])
    y1, y2 = sorted(min(max(y, 0.0), float(image.height)) for y in picture.box[1::2])
    pen.rectangle((x1, y1, x2, y2), outline=COLOUR, width=max(2, image.width // 400))
    font = ImageFont.load_default(size=max(12, image.height // 30))
    corner = pen.textbbox((x1, y2), name, font=font)
    # Where there is no room below the box, the name stands inside it.
    place = (x1, y2 if corner[3] <= image.height else y2 - 1.3 * (corner[3] - corner[1]))
    pen.rectangle(pen.textbbox(place, name, font=font), fill=BACKGROUND)
    pen.text(place, name, font=font, fill=COLOUR)
    out = BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _decoded(jpeg: bytes) -> Image.Image:
    """Raises OSError."""
    try:
        with Image.open(BytesIO(jpeg), formats=["JPEG"]) as opened:  # reads the header alone
            if max(opened.size) > LARGEST_SIDE:
                raise OSError("the picture is too large")
            return opened.convert("RGB")
    except Image.DecompressionBombError as error:
        raise OSError("the picture is too large") from error
