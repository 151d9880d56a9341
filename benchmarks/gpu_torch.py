"""What a user would have picked in place of TensorRT, on the same GPU: the same network by PyTorch.

    python -m benchmarks.gpu_torch --out benchmarks/gpu-embed.json

Eager in FP32 (TF32 in convolutions, PyTorch's default), FP16 with CUDA graphs, ONNX Runtime on the processor, and the
GPU's measured peak. Crops are uint8 in pinned memory, normalised on the GPU; a face counts when its embedding is on the
host.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu_model import BATCHES, Model, Report, cosines, shipped_network, structured_and_random
from daemon.bench.torch_graph import TorchGraph
from engine.runtimes.onnxruntime import OnnxRuntime

PEAK_SIDE = 8192
PACKAGES = ("torch", "onnx", "onnxruntime", "numpy")


class Rival:
    """The network on the GPU with its pre-processing.

    Args:
        half: FP16, channels last.
    """

    def __init__(self, model: Model, half: bool) -> None:
        self.dtype = torch.float16 if half else torch.float32
        self.graph = TorchGraph(model.onnx, "cuda", self.dtype)
        self.mean, self.scale = float(model.manifest["mean"]), 1 / float(model.manifest["std"])
        self.swap = model.manifest["colour"] == "rgb"

    def embed(self, crops: Tensor) -> Tensor:
        """Takes (N, H, W, 3) uint8 on the GPU, returns (N, D) float32."""
        planes = crops.permute(0, 3, 1, 2).to(self.dtype)
        planes = (planes - self.mean) * self.scale
        return self.graph(planes.flip(1) if self.swap else planes).float()

    def eager(self, batch: int) -> Callable[[], Tensor]:
        """Returns a function that takes a batch from pinned memory to embeddings on the host."""
        pinned = _crops(batch)
        return lambda: self.embed(pinned.cuda(non_blocking=True)).cpu()

    def captured(self, batch: int) -> Callable[[], Tensor]:
        """Like `eager`, as one CUDA graph."""
        pinned, on_gpu = _crops(batch), _crops(batch).cuda()
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                on_host = torch.empty(self.embed(on_gpu).shape, pin_memory=True)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            on_gpu.copy_(pinned, non_blocking=True)
            on_host.copy_(self.embed(on_gpu), non_blocking=True)

        def once() -> Tensor:
            graph.replay()
            torch.cuda.current_stream().synchronize()
            return on_host

        return once


def _crops(batch: int) -> Tensor:
    return torch.from_numpy(structured_and_random(batch)["structured"].copy()).pin_memory()


def _faces_per_s(once: Callable[[], object], batch: int, seconds: float) -> int:
    for _ in range(5):
        once()
    runs, begin = 0, time.perf_counter()
    while (took := time.perf_counter() - begin) < seconds:
        once()
        runs += 1
    return round(runs * batch / took)


def faces_per_s(make: Callable[[int], Callable[[], object]], seconds: float) -> dict[str, int]:
    with torch.inference_mode():
        return {str(batch): _faces_per_s(make(batch), batch, seconds) for batch in BATCHES}


def parity(rival: Rival, model: Model) -> dict[str, object]:
    reference = OnnxRuntime(model.path, os.cpu_count() or 1)
    found: dict[str, object] = {}
    for kind, crops in structured_and_random(32).items():
        [wanted] = reference.run({model.input_name: model.blob(crops)}).values()
        with torch.inference_mode():
            found[kind] = cosines(rival.embed(torch.from_numpy(crops.copy()).cuda()).cpu().numpy(), wanted)
    return found


def processor(model: Model, seconds: float) -> dict[str, object]:
    """Faces a second of ONNX Runtime with all cores, from float32 in memory."""
    runtime = OnnxRuntime(model.path, os.cpu_count() or 1)
    blobs = {batch: model.blob(structured_and_random(batch)["structured"]) for batch in (1, 8, 32, 128)}
    return {
        str(batch): _faces_per_s(lambda blob=blob: runtime.run({model.input_name: blob}), batch, seconds)  # type: ignore[misc]
        for batch, blob in blobs.items()
    }


def peak_tflops(dtype: torch.dtype) -> float:
    """Of a large matrix product of random numbers; two operations for a multiplication."""
    left, right = (torch.randn(PEAK_SIDE, PEAK_SIDE, device="cuda", dtype=dtype) for _ in range(2))
    took = []
    for _ in range(20):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        left @ right
        end.record()
        torch.cuda.synchronize()
        took.append(begin.elapsed_time(end) * 1e-3)
    return round(2 * PEAK_SIDE**3 / float(np.median(took[5:])) / 1e12, 1)


def machine() -> dict[str, object]:
    gpu = torch.cuda.get_device_properties(0)
    return {
        "gpu": gpu.name,
        "compute_capability": f"{gpu.major}.{gpu.minor}",
        "memory_gib": round(gpu.total_memory / 2**30),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=None, help="ONNX file; the shipped embedder if not given")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    model = Model(args.model or shipped_network())
    torch.backends.cudnn.benchmark = True
    report = Report(args.out, "rivals")
    report.add("machine", machine)
    report.add("model", lambda: model.description)
    report.add("peak FP16 TFLOP/s", lambda: peak_tflops(torch.float16))
    report.add("eager FP32: cosines", lambda: parity(Rival(model, False), model))
    report.add("eager FP32: faces_per_s", lambda: faces_per_s(Rival(model, False).eager, args.seconds))
    report.add("FP16, CUDA graph: cosines", lambda: parity(Rival(model, True), model))
    report.add("FP16, CUDA graph: faces_per_s", lambda: faces_per_s(Rival(model, True).captured, args.seconds))
    report.add("eager FP16: faces_per_s", lambda: faces_per_s(Rival(model, True).eager, args.seconds))
    report.add("ONNX Runtime, processor: faces_per_s", lambda: processor(model, args.seconds))


if __name__ == "__main__":
    main()
