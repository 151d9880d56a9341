"""Which fault strikes when: a TOML list, repeated until the soak is over.

[[fault]]
kind = "camera_stall"    # see daemon/soak/faults.py for all of them
target = "cam1"          # a camera, a worker or a figure, where the kind needs one
for_s = 8                # how long it lasts
then_s = 20              # peace after it
"""

import tomllib
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import msgspec

from config.errors import DeconvIDError

DEFAULT = Path(__file__).with_name("faults.toml")


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    target: str = ""
    for_s: float = 0.0
    then_s: float = 20.0


class FaultList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fault: list[Fault]


def read_faults(path: Path, kinds: set[str]) -> list[Fault]:
    """Raises DeconvIDError: the file is no list of faults of these kinds."""
    try:
        faults = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), FaultList).fault
    except OSError as error:
        raise DeconvIDError(f"{path}: cannot be read ({error.strerror}). Name a list of faults") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise DeconvIDError(f"{path}: {error}. Correct it; {DEFAULT.name} is an example") from error
    unknown = sorted({fault.kind for fault in faults} - kinds)
    if unknown:
        raise DeconvIDError(f"{path}: no such fault: {', '.join(unknown)}. There are {', '.join(sorted(kinds))}")
    return faults


def schedule(faults: list[Fault], seconds: float, first_s: float = 20.0) -> Iterator[tuple[float, Fault]]:
    """Yields when each fault begins [s after the start]; the last one ends in time for the daemon to recover."""
    at_s = first_s
    for fault in cycle(faults):
        if at_s + fault.for_s + fault.then_s > seconds:
            return
        yield at_s, fault
        at_s += fault.for_s + fault.then_s
