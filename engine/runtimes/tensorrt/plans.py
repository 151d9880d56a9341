"""Plans on disk: a plan is used only for the very network, TensorRT, GPU and options that it was built with.

A plan is machine code. It is read only by who built it (or if root did), if nobody else may write it, and if it is the
one that its sidecar describes. What is not as it was written is deleted and built again; what is somebody else's stays
as it is: the service's user has plans that root, who may look after them, does not run.
"""

import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from config.whole_files import OWNER_ONLY, replacing
from engine.errors import PlanError

logger = logging.getLogger(__name__)

FORMAT = 1
"""Changes when plans of older versions of this program must not be used."""
WRITABLE_BY_OTHERS = 0o022


class ForeignPlanError(PlanError):
    """It belongs to somebody else, whose machine code is not run."""


@dataclass(frozen=True, slots=True)
class PlanKey:
    """All that a plan depends on."""

    network: str
    """SHA-256 of the ONNX file."""
    flavour: str
    version: str
    gpu: str
    sm: str
    """Compute capability, such as 9.0."""
    input: str
    """What is done to the crops before the network."""
    sizes: tuple[int, ...]
    """Batches for which kernels were chosen."""
    precision: str = "fp16"
    format: int = FORMAT

    @property
    def name(self) -> str:
        """Of the files, without ending."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """What a sidecar says."""

    key: PlanKey
    sha256: str
    """Of the plan."""
    least_cosine: float
    """To the embeddings of the processor's FP32, with which the plan was accepted."""
    seconds: float
    """That the build took."""
    built_at: float
    """Unix time."""


class PlanStore:
    """A folder of plans; several processes may use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: PlanKey) -> bytes | None:
        """Returns the plan of this key, None where there is none that can be trusted."""
        try:
            return self.trusted(key)
        except FileNotFoundError:
            return None
        except ForeignPlanError as error:
            logger.warning("plan_left_alone name=%s cause='%s'", key.name, error)
            return None
        except (OSError, PlanError) as error:
            logger.warning("plan_refused name=%s cause='%s'", key.name, error)
            self.delete(key)
            return None

    def write(self, key: PlanKey, plan: bytes, least_cosine: float, seconds: float) -> None:
        """Stores an accepted plan. Raises PlanError where that cannot be written."""
        record = PlanRecord(key, _digest(plan), least_cosine, round(seconds, 1), time.time())
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._replace(f"{key.name}.plan", plan)
            # Last: a plan without its sidecar counts as none.
            self._replace(f"{key.name}.json", json.dumps(asdict(record), indent=1).encode())
        except OSError as error:
            raise PlanError(f"the plan cannot be stored ({error.strerror}). Make room in the state folder") from error

    def read_kernels(self, key: PlanKey) -> bytes | None:
        """Returns what RTX compiled at run time for this plan, None where there is nothing that can be trusted."""
        path = self.folder / f"{key.name}.jit"
        try:
            state = path.stat()
            return path.read_bytes() if _is_ours(state) and not state.st_mode & WRITABLE_BY_OTHERS else None
        except OSError:
            return None

    def write_kernels(self, key: PlanKey, kernels: bytes) -> None:
        """Raises OSError."""
        self._replace(f"{key.name}.jit", kernels)

    def records(self) -> list[PlanRecord]:
        """Returns what is known about the plans, newest first; what is damaged is left out."""
        found = [record for path in self.folder.glob("*.json") if (record := _read_record(path)) is not None]
        return sorted(found, key=lambda record: -record.built_at)

    def clear(self) -> int:
        """Deletes all plans; returns how many there were. Runs of a network in memory go on."""
        names = {path.stem for path in self.folder.glob("*.plan")} | {path.stem for path in self.folder.glob("*.json")}
        for name in names:
            self._delete(name)
        return len(names)

    def delete(self, key: PlanKey) -> None:
        self._delete(key.name)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One build at a time on this machine; waits for the others. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def trusted(self, key: PlanKey) -> bytes:
        """Returns the plan of this key, and changes nothing.

        Raises:
            FileNotFoundError: there is none.
            ForeignPlanError: it is as it was written, but somebody else's.
            PlanError: it is not as it was written, or others may write it.
            OSError: it cannot be read.
        """
        path = self.folder / f"{key.name}.plan"
        state = path.stat()
        if state.st_mode & WRITABLE_BY_OTHERS:
            raise PlanError("others than its owner may write the file")
        record = _read_record(path.with_suffix(".json"))
        if record is None or record.key != key:
            raise PlanError("its sidecar is missing, damaged, or of another plan")
        plan = path.read_bytes()
        if _digest(plan) != record.sha256:
            raise PlanError("it is not the file that its sidecar describes")
        if not _is_ours(state):
            raise ForeignPlanError("it is of another user, whose machine code is not run")
        return plan

    def _replace(self, name: str, data: bytes) -> None:
        with replacing(self.folder / name, OWNER_ONLY) as file:
            file.write(data)

    def _delete(self, name: str) -> None:
        for ending in (".json", ".plan", ".jit"):
            try:
                (self.folder / f"{name}{ending}").unlink(missing_ok=True)
            except OSError as error:
                logger.warning("plan_not_deleted name=%s cause='%s'", name, error.strerror)


def _is_ours(state: os.stat_result) -> bool:
    return state.st_uid in (0, os.geteuid())


def _digest(plan: bytes) -> str:
    return hashlib.sha256(plan).hexdigest()


def _read_record(path: Path) -> PlanRecord | None:
    try:
        found = json.loads(path.read_bytes())
        key = found.pop("key")
        return PlanRecord(PlanKey(**{**key, "sizes": tuple(key["sizes"])}), **found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
