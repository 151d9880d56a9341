"""Builds, accepts and stores the plan of a network, as a process of its own: TensorRT may crash, and takes minutes.

    python -m engine.runtimes.tensorrt.compile FLAVOUR NETWORK.onnx MEAN STD SWAP FOLDER

It ends with its parent, whose end of its stdin closes. The last line of stderr says why it failed.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from engine.errors import GpuError, PlanError
from engine.runtimes.crops import CropInput, CropNetwork
from engine.runtimes.tensorrt.flavours import FlavourName
from engine.runtimes.tensorrt.progress import Tell
from engine.runtimes.tensorrt.states import find_state

logger = logging.getLogger(__name__)

PROGRESS = "progress: "


def compile_apart(
    flavour: FlavourName, network: CropNetwork, folder: Path, command: Sequence[str] = (), tell: Tell = logger.debug
) -> None:
    """Runs this module in a process of its own, and waits for it.

    Args:
        flavour, network: what compiles, and what is compiled.
        folder: of the plans.
        command: to run in place of this module.
        tell: is given lines about the progress.

    Raises:
        PlanError: with what it said last, or the signal that ended it.
    """
    path, crops = network.path, network.input
    described = (str(path), *map(str, (crops.mean, crops.std, int(crops.swap))))
    whole = command or (sys.executable, "-m", __name__, flavour, *described, str(folder))
    with subprocess.Popen(whole, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        said = _last_line(process, tell)
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise PlanError(f"TensorRT crashed with {name} while it compiled {path.name}. Another runtime serves")
    if process.returncode:
        raise PlanError(said or f"compiling {path.name} failed. Another runtime serves")


def _last_line(process: "subprocess.Popen[str]", tell: Tell) -> str:
    """Returns the last line of a process's stderr that is none about progress; reads all, so that it never blocks."""
    last = ""
    for line in map(str.strip, process.stderr or ()):
        if line.startswith(PROGRESS):
            tell(line.removeprefix(PROGRESS))
        else:
            last = line or last
    return last


def _tell_parent(line: str) -> None:
    print(PROGRESS + line, file=sys.stderr, flush=True)


def end_with_parent() -> None:
    """Waits for the end of stdin, then ends this process, whatever it does."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


def main() -> None:
    threading.Thread(target=end_with_parent, daemon=True).start()
    flavour, path, mean, std, swap, folder = sys.argv[1:]
    network = CropNetwork(Path(path), CropInput(float(mean), float(std), swap == "1"))
    code = 0
    try:
        _compile(cast(FlavourName, flavour), network, Path(folder))
    except (PlanError, GpuError) as error:
        print(error, file=sys.stderr)
        code = 1
    except OSError as error:
        print(f"the folder of plans cannot be written ({error.strerror}). Another runtime serves", file=sys.stderr)
        code = 1
    # Some flavours crash when they are taken down; all that matters is written.
    sys.stderr.flush()
    os._exit(code)


def _compile(flavour: FlavourName, network: CropNetwork, folder: Path) -> None:
    state = find_state(flavour)
    if state.state != "ready":  # also where CUDA, which the next lines import, is missing
        raise PlanError(f"{flavour}: {state.state}: {state.detail}. {state.fix}")
    from engine.runtimes.tensorrt.building import build_accepted
    from engine.runtimes.tensorrt.site import Site

    build_accepted(Site.find(flavour, folder), network, _tell_parent)


if __name__ == "__main__":
    main()
