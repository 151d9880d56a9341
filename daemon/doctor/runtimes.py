"""Which runtimes and which GPU can be used. Each is tried in a process of its own: some crash where they cannot run.

TensorRT without a GPU segfaults when a runtime is made, and a broken driver can take a process with it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from daemon.doctor.finding import Finding

State = Literal["ready", "not installed", "libraries missing", "no driver", "no GPU", "GPU not supported", "crashes"]

FLAVOURS = {"tensorrt": "trt", "tensorrt-rtx": "rtx"}
"""By the name of the optional dependencies that bring them."""

PROBE_S = 60.0
"""Importing OpenVINO from a cold disk takes seconds."""

IMPORT = """
import importlib, json, sys
sys.modules["openvino_telemetry"] = None
try:
    module = importlib.import_module(sys.argv[1])
except ModuleNotFoundError as error:
    said = ("not installed" if error.name == sys.argv[1] else "libraries missing", str(error))
except (ImportError, OSError, RuntimeError) as error:
    said = ("libraries missing", str(error))
else:
    said = ("ready", getattr(module, "__version__", ""))
print(json.dumps(said))
"""

GPU = """
import json
from engine.runtimes.tensorrt.states import Gpu, find_gpu
found = find_gpu()
if isinstance(found, Gpu):
    found = ("ready", f"{found.name}, compute capability {found.sm[0]}.{found.sm[1]}, driver for CUDA {found.driver}")
print(json.dumps(found))
"""

TENSORRT = """
import json, sys
from engine.runtimes.tensorrt.states import find_state
found = find_state(sys.argv[1])
print(json.dumps((found.state, f"{found.version} {found.detail}".strip(), found.fix)))
"""


@dataclass(frozen=True, slots=True)
class Probed:
    state: State
    detail: str
    fix: str = ""


def examine_runtimes() -> Iterator[Finding]:
    scripts = {
        "gpu": [GPU],
        **{name: [IMPORT, name] for name in ("openvino", "onnxruntime")},
        **{name: [TENSORRT, flavour] for name, flavour in FLAVOURS.items()},
    }
    with ThreadPoolExecutor() as pool:
        yield from judge(dict(zip(scripts, pool.map(probe, scripts.values()), strict=True)))


def judge(found: Mapping[str, Probed]) -> Iterator[Finding]:
    """Yields what was found, by what it means for a daemon that runs its networks on the processor."""
    for name in ("openvino", "onnxruntime"):
        yield _needed(name, found[name])
    gpu = found["gpu"]
    detail = gpu.detail if gpu.state == "ready" else f"{gpu.state}: the networks run on the processor"
    yield Finding("runtimes", "gpu", "ok", detail)
    for name in FLAVOURS:
        yield _tensorrt(name, found[name], gpu)


def _needed(name: str, probed: Probed) -> Finding:
    if probed.state == "ready":
        return Finding("runtimes", name, "ok", f"ready, {probed.detail}")
    fix = f"Run `pip install --force-reinstall {name}`"
    # Either is enough; find_problems and the daemon tell it where the one that was asked for is missing.
    return Finding("runtimes", name, "warn", f"{probed.state}: {probed.detail}", fix)


def _tensorrt(name: str, probed: Probed, gpu: Probed) -> Finding:
    if probed.state == "not installed":
        detail = "not installed; it is optional"
        return Finding("runtimes", name, "ok", f"{detail}. {probed.fix}" if gpu.state == "ready" else detail)
    if probed.state == "ready":
        return Finding("runtimes", name, "ok", f"ready, {probed.detail}")
    if gpu.state != "ready" and probed.state != "crashes":
        return Finding("runtimes", name, "ok", f"installed; {gpu.state}, so it cannot run")
    fix = probed.fix or f"Run `pip install --force-reinstall 'deconvid[{name}]'`"
    return Finding("runtimes", name, "warn", f"{probed.state}: {probed.detail}", fix)


def probe(arguments: list[str]) -> Probed:
    """Runs a probe script with its arguments; whatever becomes of it is a state."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", *arguments],
            capture_output=True,
            text=True,
            timeout=PROBE_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return Probed("crashes", f"no answer within {PROBE_S:.0f} s")
    try:
        said = Probed(*json.loads(done.stdout.strip().rpartition("\n")[2]))
    except (ValueError, TypeError):
        return Probed("crashes", f"exit code {done.returncode}")
    return said
