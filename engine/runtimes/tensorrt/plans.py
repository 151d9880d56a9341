"""Plans on disk: a plan is used only for the very network, TensorRT, GPU and options that it was built with.

A plan is machine code. It is read only if nobody but its owner may write it, and if it is the one that its sidecar
describes; anything else is deleted and built again.
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
            return self._trusted(key)
        except FileNotFoundError:
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
            _check_owner(path)
            return path.read_bytes()
        except (OSError, PlanError):
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

    def _trusted(self, key: PlanKey) -> bytes:
        path = self.folder / f"{key.name}.plan"
        _check_owner(path)
        record = _read_record(path.with_suffix(".json"))
        if record is None or record.key != key:
            raise PlanError("its sidecar is missing, damaged, or of another plan")
        plan = path.read_bytes()
        if _digest(plan) != record.sha256:
            raise PlanError("it is not the file that its sidecar describes")
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


def _check_owner(path: Path) -> None:
    state = path.stat()
    if state.st_mode & WRITABLE_BY_OTHERS or state.st_uid not in (0, os.geteuid()):
        raise PlanError("somebody else may write the file")


def _digest(plan: bytes) -> str:
    return hashlib.sha256(plan).hexdigest()


def _read_record(path: Path) -> PlanRecord | None:
    try:
        found = json.loads(path.read_bytes())
        key = found.pop("key")
        return PlanRecord(PlanKey(**{**key, "sizes": tuple(key["sizes"])}), **found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
