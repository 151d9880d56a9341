"""Runs a teacher's ONNX graph in BF16 on whatever trains its student."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from training.onnx_module import OnnxModule

Runner = Callable[[Tensor], list[Tensor]]
"""(N, C, H, W) float32 to the outputs asked for; those of four dimensions are channels last."""


def load_runner(path: Path, outputs: Sequence[str], device: torch.device) -> Runner:
    """Returns what gives values of the graph by their names: on a CPU by OpenVINO, twice as fast there as PyTorch."""
    return _by_openvino(path, outputs) if device.type == "cpu" else _by_torch(path, outputs, device)


def _by_openvino(path: Path, outputs: Sequence[str]) -> Runner:
    import openvino as ov  # not at hand where a GPU trains

    core = ov.Core()
    whole = core.read_model(path)
    # Without its other outputs: what none of these needs is left out.
    graph = ov.Model(whole.add_outputs(list(outputs)), whole.get_parameters())
    threads = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "bf16"}
    model = core.compile_model(graph, "CPU", threads)

    def run(x: Tensor) -> list[Tensor]:
        values = model(x.contiguous().numpy())
        # OpenVINO reuses the arrays at its next run.
        return [_channels_last(torch.from_numpy(values[name].copy())) for name in outputs]

    return run


def _by_torch(path: Path, outputs: Sequence[str], device: torch.device) -> Runner:
    model = OnnxModule(path, outputs).to(device, torch.bfloat16, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return lambda x: list(model(x.to(torch.bfloat16)))


def _channels_last(value: Tensor) -> Tensor:
    return value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value
