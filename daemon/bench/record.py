"""The figures of a benchmark as JSON, with what they were measured with."""

import json
import os
from importlib.metadata import PackageNotFoundError, version

import msgspec

from daemon.bench.match import DIMENSION, MatchReport
from engine.machine import processor

PACKAGES = ("numpy", "numkong", "faiss-cpu", "usearch", "sqlite-vec")


def match_record(report: MatchReport, command: str) -> str:
    """Returns the report as JSON, one line per figure."""
    figures = msgspec.to_builtins(report)
    head = {
        "command": command,
        "machine": processor(),
        "load_at_end": round(os.getloadavg()[0], 1),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "dimension": DIMENSION,
        "bandwidth_gb_per_s": figures.pop("bandwidth_gb_per_s"),
    }
    tables = [f' "{name}": [\n{_lines(rows)}\n ]' for name, rows in figures.items()]
    return f"{json.dumps(head, indent=1)[:-2]},\n" + ",\n".join(tables) + "\n}\n"


def _lines(rows: list[object]) -> str:
    return ",\n".join(f"  {json.dumps(row)}" for row in rows)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
