"""Privacy masks: parts of a camera's picture that nobody may see, blackened before anybody can."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from daemon.polygons import Polygon, touched_pixels
from daemon.streams.pictures import Picture

GREY = 128
"""Chroma without a colour."""


class PrivacyMasks:
    """Of one camera; drawn anew when the size of its pictures changes.

    Args:
        polygons: corners as x, y, each 0 (left, top) to 1 (right, bottom).
    """

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        self._polygons = polygons
        self._keep = self._keep_chroma = self._grey = np.zeros((0, 0), np.uint8)

    def hide(self, picture: Picture) -> Picture:
        """Returns the picture with every pixel black of which any part is masked.

        The planes of a masked picture are copies: the decoder goes on from its own, as it decoded them.
        """
        if not self._polygons:
            return picture
        y, u, v = picture.planes
        if y.shape != self._keep.shape:
            self._draw(*y.shape)
        # 0 is black in either range. A bitwise and runs at the speed of memory, indexing by a mask does not.
        u, v = ((chroma & self._keep_chroma) | self._grey for chroma in (u, v))
        return replace(picture, planes=(y & self._keep, u, v))

    def _draw(self, height: int, width: int) -> None:
        hidden = touched_pixels(self._polygons, width, height)
        padded = np.pad(hidden, ((0, height % 2), (0, width % 2)))
        # Chroma is halved: what covers one hidden pixel is hidden, or its colour would be seen.
        chroma = padded[::2, ::2] | padded[1::2, ::2] | padded[::2, 1::2] | padded[1::2, 1::2]
        self._keep, self._keep_chroma = (np.where(part, 0, 255).astype(np.uint8) for part in (hidden, chroma))
        self._grey = np.where(chroma, GREY, 0).astype(np.uint8)
