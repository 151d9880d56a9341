"""Scores by faces as they are, where those in memory are rounded to 8 bits."""

import logging
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from daemon.errors import StoreError
from daemon.identity.faces import fuse
from daemon.store import Store

logger = logging.getLogger(__name__)

MOST_KEPT = 4096


class Refiner:
    def __init__(self, store: Store, model_digest: str) -> None:
        self._store, self._model_digest = store, model_digest
        self._faces: dict[int, NDArray[np.float32]] = {}
        """Those that were read, by person: a track is compared with the same people again and again."""

    def refined(self, scores: Mapping[int, float], probe: NDArray[np.float32]) -> dict[int, float]:
        """Returns the scores of these people by their stored templates, without those who are gone by now.

        If the store cannot be read, the scores stay what they are.
        """
        if len(self._faces) > MOST_KEPT:
            self._faces.clear()
        try:
            self._read([id for id in scores if id not in self._faces])
        except StoreError as error:
            logger.warning("match_by_rounded_faces reason='%s'", error)
            return dict(scores)
        return {id: float((self._faces[id] * probe).sum()) for id in scores if id in self._faces}

    def forget(self, people: Iterable[int]) -> None:
        """Has these people read again."""
        for id in people:
            self._faces.pop(id, None)

    def _read(self, people: list[int]) -> None:
        if people:
            read = fuse(self._store.people.gallery(self._model_digest, people))
            self._faces |= zip(read.ids, read.vectors, strict=True)
