"""Other people's programs have pyzmq, and nothing else of ours."""

import subprocess
import sys
from pathlib import Path

import deconvid_client

FOLDER = Path(deconvid_client.__file__).parent


def test_importing_it_loads_pyzmq_alone() -> None:
    listing = (
        "import sys, zmq, zmq.asyncio; before = {*sys.modules}; import deconvid_client; print(*{*sys.modules} - before)"
    )
    result = subprocess.run(
        [sys.executable, "-c", listing], cwd=FOLDER.parent, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert loaded - sys.stdlib_module_names == {"deconvid_client"}


def test_everything_public_is_there() -> None:
    assert all(hasattr(deconvid_client, name) for name in deconvid_client.__all__)
