"""Follows what other processes change in the store's gallery, and tells of it."""

import logging
import time

from daemon.errors import StoreError
from daemon.identity.announcements import gallery_changed
from daemon.identity.gallery import Gallery
from daemon.identity.voice import Voice
from daemon.snapshots.store import SnapshotStore
from daemon.store import Store

logger = logging.getLogger(__name__)


class GalleryWatch:
    def __init__(self, store: Store, model: str, voice: Voice, snapshots: SnapshotStore) -> None:
        """
        Args:
            model: digest of the embedder whose templates are loaded.
            snapshots: lose the pictures of whoever is erased.

        Raises:
            StoreError: the store cannot be read.
        """
        self._store, self._voice, self._snapshots = store, voice, snapshots
        self.gallery = Gallery.load(store, model)

    def follow(self) -> bool:
        """Takes over what changed, and says it; returns whether the gallery is another one now.

        Raises:
            StoreUnusableError: the store is no longer where it was.
        """
        self._store.database.check_in_place()
        is_new = self._load()
        if self.gallery.changed:
            self._tell()
        return is_new

    def _load(self) -> bool:
        try:
            if self._store.gallery_revision == self.gallery.revision:
                return False
            self.gallery.follow()
        except StoreError as error:
            self._voice.note_failure(error)
            return False
        self._snapshots.delete_erased(self.gallery.ids)
        logger.info("gallery_loaded people=%d revision=%d", len(self.gallery), self.gallery.revision)
        return True

    def _tell(self) -> None:
        """Says who changed since that was told last."""
        changed, self.gallery.changed = self.gallery.changed, {}
        event = gallery_changed(changed, self.gallery, time.time_ns())
        if event is None:
            return

        def told(sequence: int | None) -> None:
            if sequence is None:
                self.gallery.changed |= changed

        self._voice.say(event, told)
