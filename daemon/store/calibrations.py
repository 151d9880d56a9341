"""Thresholds that were computed, newest of each model: what held when is told by events, not by this table."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select

from daemon.store.database import Database
from daemon.store.schema import CalibrationRow


@dataclass(frozen=True, slots=True)
class StoredCalibration:
    model_digest: str
    gallery_revision: int
    """Of the gallery for which it was computed."""
    fpir: float
    threshold: float
    parameters: str
    """JSON: what else the threshold rests on."""


class CalibrationStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, calibration: StoredCalibration) -> None:
        """Keeps the calibration instead of the model's one before; raises StoreError."""
        model = calibration.model_digest
        with self._database.write() as session:
            session.execute(delete(CalibrationRow).where(CalibrationRow.model_digest == model))
            session.add(
                CalibrationRow(
                    model_digest=model,
                    gallery_revision=calibration.gallery_revision,
                    fpir=calibration.fpir,
                    threshold=calibration.threshold,
                    parameters=calibration.parameters,
                    computed_at=datetime.now(UTC),
                )
            )

    def get(self, model_digest: str) -> StoredCalibration | None:
        """Returns the model's calibration, None if it never had one."""
        query = select(CalibrationRow).where(CalibrationRow.model_digest == model_digest)
        with self._database.read() as session:
            row = session.scalars(query.order_by(CalibrationRow.id.desc())).first()
            if row is None:
                return None
            return StoredCalibration(row.model_digest, row.gallery_revision, row.fpir, row.threshold, row.parameters)
