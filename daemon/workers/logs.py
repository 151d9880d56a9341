"""Logs of a worker: to stderr, where the supervisor's own go."""

import logging
import os


def set_up_worker_logging(name: str, level: int = logging.INFO) -> None:
    """`name` tells the workers apart: `camera/door`, `vision`, `identity`."""
    stamp = "" if "JOURNAL_STREAM" in os.environ else "%(asctime)s "
    logging.basicConfig(level=level, format=f"{stamp}%(levelname).1s {name} %(name)s: %(message)s")
