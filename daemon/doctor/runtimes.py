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

State = Literal["ready", "not installed", "libraries missing", "no driver", "no GPU", "crashes"]

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
import ctypes, json
def probe():
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        return "no driver", str(error)
    if code := cuda.cuInit(0):
        return "no GPU", f"cuInit failed with code {code}"
    count, name = ctypes.c_int(), ctypes.create_string_buffer(100)
    cuda.cuDeviceGetCount(ctypes.byref(count))
    if not count.value:
        return "no GPU", "the driver knows none"
    cuda.cuDeviceGetName(name, 100, 0)
    return "ready", f"{count.value} x {name.value.decode()}"
print(json.dumps(probe()))
"""


@dataclass(frozen=True, slots=True)
class Probed:
    state: State
    detail: str


def examine_runtimes() -> Iterator[Finding]:
    scripts = {
        "gpu": [GPU],
        **{name: [IMPORT, name] for name in ("openvino", "onnxruntime", "tensorrt", "tensorrt_rtx")},
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
    for name in ("tensorrt", "tensorrt_rtx"):
        yield _tensorrt(name, found[name], gpu)


def _needed(name: str, probed: Probed) -> Finding:
    if probed.state == "ready":
        return Finding("runtimes", name, "ok", f"ready, {probed.detail}")
    fix = f"Run `pip install --force-reinstall {name}`"
    # Either is enough; find_problems and the daemon tell it where the one that was asked for is missing.
    return Finding("runtimes", name, "warn", f"{probed.state}: {probed.detail}", fix)


def _tensorrt(name: str, probed: Probed, gpu: Probed) -> Finding:
    if probed.state == "not installed":
        return Finding("runtimes", name, "ok", "not installed; it is optional")
    if probed.state != "ready":
        fix = f"Install its libraries from NVIDIA's package index, or run `pip uninstall {name}`"
        return Finding("runtimes", name, "warn", f"{probed.state}: {probed.detail}", fix)
    if gpu.state != "ready":
        return Finding("runtimes", name, "ok", f"{probed.detail} is installed; {gpu.state}, so it cannot run")
    return Finding("runtimes", name, "ok", f"ready, {probed.detail}")


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
        state, detail = json.loads(done.stdout.strip().rpartition("\n")[2])
    except (json.JSONDecodeError, ValueError):
        return Probed("crashes", f"exit code {done.returncode}")
    return Probed(state, detail)
