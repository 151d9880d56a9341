"""Where training finds its material, none of which belongs to the repository, and what it calls its files."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

SHARED = Path(os.environ.get("DECONVID_SHARED", REPOSITORY.parent / "shared"))
"""Folder with `data/` and `models/`; set DECONVID_SHARED where it lies elsewhere."""

RUNS = Path(os.environ.get("DECONVID_RUNS", REPOSITORY / "runs"))
"""Caches, checkpoints and logs; ignored by git."""


def with_ending(base: Path, ending: str) -> Path:
    """Returns the path BASE.ENDING. Path.with_suffix would drop what follows a dot in the name, such as a seed."""
    return base.with_name(base.name + ending)
