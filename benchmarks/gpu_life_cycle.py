"""A plan's life as the daemon sees it: the processor serves, a plan is built, runtimes swap, a plan is damaged."""

import tempfile
import time
from pathlib import Path

from benchmarks.gpu_model import Model, cosines, structured_and_random
from engine.runtimes.crops import CROPS, CropRuntime
from engine.runtimes.onnxruntime import OnnxRuntime
from engine.runtimes.swapping import SwappingRuntime
from engine.runtimes.tensorrt.flavours import FlavourName
from engine.runtimes.tensorrt.loading import load_tensorrt
from engine.runtimes.tensorrt.plans import PlanStore

BATCH = 4
LONGEST_S = 300.0


def life_cycle(flavour: FlavourName, model: Model) -> dict[str, object]:
    """Returns what was served by whom until the swap, the worst cosine of any batch, and how long starts take."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = _until_swapped(flavour, model, folder)
        found["start_with_plan_s"] = _seconds_to_load(flavour, model, folder)
        found["plans"] = [str(record) for record in PlanStore(folder).records()]
        for plan in folder.glob("*.plan"):
            plan.write_bytes(plan.read_bytes()[:-1] + b"x")
        found["start_with_damaged_plan_s"] = _seconds_to_load(flavour, model, folder)
        return found


def _until_swapped(flavour: FlavourName, model: Model, folder: Path) -> dict[str, object]:
    crops = structured_and_random(BATCH)["structured"]
    reference = CropRuntime(OnnxRuntime(model.path, 2), model.network.input)
    [wanted] = reference.run({CROPS: crops}).values()
    runtime = SwappingRuntime(reference, lambda: load_tensorrt(flavour, model.network, folder))
    begin, served, least = time.perf_counter(), dict[str, int](), 1.0
    swapped: float | None = None
    while time.perf_counter() - begin < LONGEST_S and served.get("tensorrt", 0) < 100:
        [given] = runtime.run({CROPS: crops}).values()
        served[runtime.name] = served.get(runtime.name, 0) + 1
        least = min(least, cosines(given, wanted)["min"])
        if runtime.name == "tensorrt" and swapped is None:
            swapped = time.perf_counter() - begin
        if not runtime.maker.is_alive() and runtime.name != "tensorrt" and served[runtime.name] > 10_000:
            break
    return {"swapped_after_s": swapped, "batches_by_runtime": served, "least_cosine": least}


def _seconds_to_load(flavour: FlavourName, model: Model, folder: Path) -> float:
    begin = time.perf_counter()
    load_tensorrt(flavour, model.network, folder)
    return round(time.perf_counter() - begin, 2)
