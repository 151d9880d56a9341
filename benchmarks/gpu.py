"""The embedder on an NVIDIA GPU by TensorRT: parity, faces a second, latency.

    python -m benchmarks.gpu_torch --out benchmarks/gpu-embed.json
    python -m benchmarks.gpu --flavour rtx --out benchmarks/gpu-embed.json
    python -m benchmarks.gpu --flavour trt --out benchmarks/gpu-embed.json

Each adds a section to the file; a part that fails is written down with its error, and the next goes on. `crops` are
uint8 (112, 112, 3) in pinned memory and are normalised on the GPU; `floats` are what the embedder's other runtimes
take, float32 (3, 112, 112), in pinned memory. A face counts when its embedding has been read on the host. Reference:
ONNX Runtime on the processor in FP32.

TensorRT 8.6 takes minutes to build: `--sizes 256 --kinds crops` is a first figure soon, and `--keep` keeps what the
builder measured for the next call.
"""

import argparse
import logging
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from onnx import ModelProto

from benchmarks.gpu_life_cycle import life_cycle
from benchmarks.gpu_model import BATCHES, Model, Report, cosines, shipped_network, structured_and_random
from engine.runtimes.crops import CROPS
from engine.runtimes.onnxruntime import OnnxRuntime
from engine.runtimes.tensorrt.builder import build_plan
from engine.runtimes.tensorrt.crops import takes_crops
from engine.runtimes.tensorrt.cuda import Memory, Stream, pinned
from engine.runtimes.tensorrt.flavours import Flavour, FlavourName, load_flavour
from engine.runtimes.tensorrt.lanes import Engine, Lane
from engine.runtimes.tensorrt.runtime import TensorRtRuntime
from engine.runtimes.tensorrt.states import find_state

TARGETS = {"rtx": (None, "CURRENT", "SM89", "SM80", "SM120"), "trt": (None,)}
"""What is asked of the builder, in turn, until the GPU accepts a plan."""
KINDS = ("crops", "floats")
ODD_BATCHES = (5, 100)
LATENCY_RUNS = 5000
REFERENCE_THREADS = 8
PACKAGES = ("numpy", "onnx", "onnxruntime", "cuda-bindings")


class Candidate:
    """A TensorRT flavour with the plans of the network."""

    def __init__(self, flavour: Flavour, model: Model, sizes: Sequence[int], keep: Path) -> None:
        self.flavour, self.model, self.sizes = flavour, model, sizes
        self.plans: dict[str, bytes] = {}
        self._timings = keep / f"{flavour.name}-{flavour.version}.timing"

    def build(self, kind: str) -> dict[str, object]:
        """Builds the plan that takes `crops` or `floats`; says which target the GPU accepted, and what it refused."""
        refused: dict[str, str] = {}
        for target in TARGETS[self.flavour.name]:
            begin = time.perf_counter()
            try:
                plan = build_plan(self.flavour, self._network(kind), self.sizes, self._timings, target, print)
                took = time.perf_counter() - begin
                Engine(self.flavour, plan)
            except Exception as error:
                refused[str(target)] = str(error)
                print("refused", target, error, flush=True)
                continue
            self.plans[kind] = plan
            return {"target": target, "seconds": round(took, 2), "plan_bytes": len(plan), "refused": refused}
        return {"error": "no plan is accepted", "refused": refused}

    def _network(self, kind: str) -> ModelProto:
        return self.model.onnx if kind == "floats" else takes_crops(self.model.onnx, self.model.network.input)

    def lanes(self, kind: str, count: int) -> list[Lane]:
        engine = Engine(self.flavour, self.plans[kind])
        lanes = [Lane(engine) for _ in range(count)]
        crops = structured_and_random(engine.largest)["structured"]
        for lane in lanes:
            [(name, rows)] = lane.inputs.items()
            rows[:] = crops if name == CROPS else self.model.blob(crops)
        return lanes

    def parity(self, kind: str) -> dict[str, object]:
        """Returns the cosines to the reference's embeddings, by batch and kind of picture."""
        reference = OnnxRuntime(self.model.path, REFERENCE_THREADS)
        runtime = TensorRtRuntime(self.flavour, self.plans[kind])
        found: dict[str, object] = {}
        for batch in (*BATCHES, *ODD_BATCHES):
            for pictures, crops in structured_and_random(batch).items():
                blob = self.model.blob(crops)
                [wanted] = reference.run({self.model.input_name: blob}).values()
                [given] = runtime.run({CROPS: crops} if kind == "crops" else {self.model.input_name: blob}).values()
                found[f"{pictures} {batch}"] = cosines(given, wanted)
        return found

    def throughput(self, kind: str, seconds: float) -> dict[str, object]:
        """Returns faces a second by lanes and batch size."""
        return {
            f"{count} lanes": {str(batch): _faces_per_s(lanes, batch, seconds) for batch in BATCHES}
            for count in (1, 2, 4)
            if (lanes := self.lanes(kind, count))
        }

    def latency_ms(self, kind: str, batch: int) -> dict[str, float]:
        """From the launch of a batch whose rows are in pinned memory until its embeddings are on the host."""
        [lane] = self.lanes(kind, 1)

        def once() -> None:
            lane.launch(batch)
            lane.wait()

        return _percentiles(once)

    def latency_of_run_ms(self, batch: int) -> dict[str, float]:
        """Of `Runtime.run` with crops in ordinary memory, checks and copies included: what the product calls."""
        runtime = TensorRtRuntime(self.flavour, self.plans["crops"])
        crops = structured_and_random(batch)["structured"]
        return _percentiles(lambda: runtime.run({CROPS: crops}))


def _faces_per_s(lanes: list[Lane], batch: int, seconds: float) -> int:
    [embeddings] = lanes[0].outputs.values()
    host = np.empty_like(embeddings[:batch])

    def collect(lane: Lane) -> None:
        lane.wait()
        [rows] = lane.outputs.values()
        host[:] = rows[:batch]

    for lane in lanes:  # captures the graph
        lane.launch(batch)
        collect(lane)
    launches = 0
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds or launches % len(lanes):
        lane = lanes[launches % len(lanes)]
        if launches >= len(lanes):
            collect(lane)
        lane.launch(batch)
        launches += 1
    for lane in lanes:
        collect(lane)
    return round(launches * batch / (time.perf_counter() - begin))


def _percentiles(once: Callable[[], object]) -> dict[str, float]:
    for _ in range(50):
        once()
    took = np.empty(LATENCY_RUNS)
    for index in range(LATENCY_RUNS):
        begin = time.perf_counter()
        once()
        took[index] = time.perf_counter() - begin
    return {f"p{share}": round(float(np.percentile(took, share)) * 1e3, 4) for share in (50, 95, 99)}


def upload_gb_per_s(repeats: int = 200) -> float:
    """From pinned memory to the GPU, 32 MiB at a time."""
    stream, source = Stream(), pinned((32 << 20,), np.uint8)
    memory = Memory(source.nbytes)
    stream.upload(memory, source)
    stream.drain()
    begin = time.perf_counter()
    for _ in range(repeats):
        stream.upload(memory, source)
    stream.drain()
    return round(repeats * source.nbytes / (time.perf_counter() - begin) / 1e9, 1)


def _versions(flavour: Flavour) -> dict[str, str]:
    found = {"python": platform.python_version(), flavour.trt.__name__: flavour.version}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "?"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flavour", choices=("trt", "rtx"), required=True)
    parser.add_argument("--model", type=Path, default=None, help="ONNX file; the shipped embedder if not given")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement of throughput")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="what goes in")
    parser.add_argument("--sizes", nargs="+", type=int, default=BATCHES, help="batches for which kernels are chosen")
    parser.add_argument(
        "--keep", type=Path, default=Path(tempfile.gettempdir()), help="folder of the builder's timings"
    )
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    name: FlavourName = args.flavour
    model = Model(args.model or shipped_network())
    logging.basicConfig(level=logging.INFO)
    report = Report(args.out, f"tensorrt-{name}")
    report.add("state", lambda: str(find_state(name)))
    report.add("versions", lambda: _versions(load_flavour(name)))
    report.add("model", lambda: model.description)
    report.add("upload_gb_per_s", upload_gb_per_s)
    candidate = Candidate(load_flavour(name), model, args.sizes, args.keep)
    for kind in args.kinds:
        report.add(f"{kind}: build", lambda kind=kind: candidate.build(kind))
        if kind not in candidate.plans:
            continue
        report.add(f"{kind}: cosines", lambda kind=kind: candidate.parity(kind))
        for batch in (8, 1):
            report.add(f"{kind}: ms of a batch of {batch}", lambda k=kind, b=batch: candidate.latency_ms(k, b))
        report.add(f"{kind}: faces_per_s", lambda kind=kind: candidate.throughput(kind, args.seconds))
    if "crops" in candidate.plans:
        report.add("run: ms of a batch of 8", lambda: candidate.latency_of_run_ms(8))
        report.add("life cycle", lambda: life_cycle(name, model))


if __name__ == "__main__":
    main()
