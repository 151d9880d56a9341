"""Where training finds its material. None of it belongs to the repository."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

SHARED = Path(os.environ.get("DECONVID_SHARED", REPOSITORY.parent / "shared"))
"""Folder with `data/` and `models/`; set DECONVID_SHARED where it lies elsewhere."""

RUNS = Path(os.environ.get("DECONVID_RUNS", REPOSITORY / "runs"))
"""Caches, checkpoints and logs; ignored by git."""
