"""The figures of a benchmark as JSON, with what they were measured with."""

import json
import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from daemon.bench.match import DIMENSION, MatchReport
from engine.machine import processor

OF_MATCH = ("numpy", "numkong", "faiss-cpu", "usearch", "sqlite-vec")
OF_ENGINE = ("numpy", "opencv-python", "openvino", "onnxruntime", "torch", "insightface", "av")


def match_record(report: MatchReport, command: str) -> str:
    """Returns the report as JSON, one line per figure."""
    figures = msgspec.to_builtins(report)
    bandwidth = figures.pop("bandwidth_gb_per_s")
    head = {**_head(command, OF_MATCH), "dimension": DIMENSION, "bandwidth_gb_per_s": bandwidth}
    return _written(head, figures)


def engine_record(report: msgspec.Struct, command: str) -> str:
    """Returns the report of any other benchmark as JSON, one line per figure."""
    fields = msgspec.to_builtins(report)
    tables = {name: rows for name, rows in fields.items() if isinstance(rows, list)}
    head = {name: value for name, value in fields.items() if name not in tables}
    return _written({**_head(command, OF_ENGINE), **head}, tables)


def _head(command: str, packages: Sequence[str]) -> dict[str, Any]:
    return {
        "command": command,
        "machine": processor(),
        "load_at_end": round(os.getloadavg()[0], 1),
        "versions": {name: found for name in packages if (found := _version(name))},
    }


def _written(head: dict[str, Any], tables: dict[str, list[object]]) -> str:
    lines = [f' "{name}": [\n{_lines(rows)}\n ]' for name, rows in tables.items()]
    return f"{json.dumps(head, indent=1)[:-2]},\n" + ",\n".join(lines) + "\n}\n"


def _lines(rows: list[object]) -> str:
    return ",\n".join(f"  {json.dumps(row)}" for row in rows)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
