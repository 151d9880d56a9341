"""Processes that are killed in the midst of their work."""

import multiprocessing
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run_and_kill(work: Callable[..., None], *arguments: Any, sign: Path, dice: random.Random, longest_s: float) -> None:
    """Lets a process work until some moment within `longest_s` after it gave its sign of life, and kills it.

    Args:
        work, arguments: what it does, without end.
        sign: file in which it writes when it has begun.
    """
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["daemon.store"])  # a process of its own in 10 ms
    process = processes.Process(target=work, args=arguments)
    process.start()
    while not sign.exists() or not sign.stat().st_size:
        assert process.is_alive()
        time.sleep(0.01)
    time.sleep(dice.uniform(0, longest_s))
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
