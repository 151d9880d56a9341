"""What a benchmark's figures were measured with, beside them."""

import json
import os
from importlib.metadata import version
from typing import Any

import msgspec

from daemon.soak.report import SoakReport
from engine.machine import processor
from engine.manifests import find_model

PACKAGES = ("av", "numpy", "openvino", "opencv-python", "pyzmq", "sqlalchemy")
SERIES = ("memory_mb", "latencies_ms")


def record(report: SoakReport, command: str, models: tuple[str, ...]) -> str:
    """Returns the report as JSON, one line per series."""
    figures = msgspec.to_builtins(report)
    series = {name: figures.pop(name) for name in SERIES}
    head: dict[str, Any] = {
        "command": command,
        "machine": processor(),
        "load_at_end": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in PACKAGES},
        "models": {part.name: part.sha256 for name in models for part in find_model(name).parts},
        **figures,
    }
    lines = ",\n".join(f"  {json.dumps(worker)}: {json.dumps(line)}" for worker, line in series["memory_mb"].items())
    return (
        f'{json.dumps(head, indent=1)[:-2]},\n "memory_mb": {{\n{lines}\n }},\n'
        f' "latencies_ms": {json.dumps(series["latencies_ms"])}\n}}\n'
    )
