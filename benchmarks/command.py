"""The command line that all benchmarks share."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path


def run(description: str | None, measure: Callable[[float], dict[str, object]], seconds: float) -> None:
    """Measures for `--seconds` and prints JSON; `--out` writes it too."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    tell(measure(args.seconds), args.out)


def tell(report: Mapping[str, object], out: Path | None) -> None:
    """Prints a report as JSON, and writes it to a file too if one is named."""
    text = json.dumps(report, indent=1) + "\n"
    sys.stdout.write(text)
    if out:
        out.write_text(text)
