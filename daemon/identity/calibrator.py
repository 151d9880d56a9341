"""Finds the threshold for each gallery, and notes it in the store."""

import logging

import msgspec

from daemon.errors import StoreError
from daemon.identity.calibration import Calibration, calibrate
from daemon.identity.gallery import Gallery
from daemon.store import Store
from daemon.store.calibrations import StoredCalibration
from engine.impostors import ImpostorTails, Strangers

logger = logging.getLogger(__name__)


class Calibrator:
    def __init__(self, store: Store, tails: ImpostorTails, fpir: float, strangers_are: Strangers = "alike") -> None:
        """
        Args:
            store: where each calibration is noted.
            tails: of the gallery's model.
            fpir: tolerated share of strangers' tracks that are given a name.
            strangers_are: who they are.
        """
        self._store, self._tails, self._fpir, self._strangers_are = store, tails, fpir, strangers_are

    def calibrate(self, gallery: Gallery) -> Calibration:
        """Returns the gallery's calibration, noted unless the store fails: it can be computed again."""
        found = calibrate(gallery.photos, gallery.sample, self._tails, self._fpir, self._strangers_are)
        try:
            self._store.calibrations.put(
                StoredCalibration(
                    gallery.model_digest, gallery.revision, found.fpir, found.threshold, _parameters(found)
                )
            )
        except StoreError as error:
            logger.warning("calibration_not_noted reason='%s'", error)
        logger.info(
            "calibrated threshold=%.3f fpir=%g strangers_are=%s photos=%d alikeness=%.2f revision=%d",
            *(found.threshold, found.fpir, found.strangers_are, found.photos, found.alikeness, gallery.revision),
        )
        return found


def _parameters(calibration: Calibration) -> str:
    told = {"strangers_are": calibration.strangers_are, "photos": calibration.photos}
    return msgspec.json.encode({**told, "alikeness": calibration.alikeness}).decode()
