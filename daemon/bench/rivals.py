"""What else a user would have taken: InsightFace's own loop, plain ONNX Runtime, PyTorch. Who is missing says why."""

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from config import DeconvIDError
from engine.manifests import installed_models

PACK = "buffalo_s"
DETECTORS, EMBEDDERS = ("det_500m.onnx", "scrfd_500m_kps.onnx"), ("w600k_mbf.onnx",)
"""Names under which the pack's two networks are found."""


class RivalMissingError(DeconvIDError):
    """Somebody to compare with is not there; the others go on."""


@dataclass(frozen=True, slots=True)
class Pack:
    """InsightFace's small pack: for research only."""

    detector: Path
    embedder: Path

    @classmethod
    def find(cls, folder: Path | None) -> "Pack":
        """Raises RivalMissingError. Args: folder: with the two files; None: where `deconvid models install` puts it."""
        _demand_insightface()
        places = [place / PACK for place in installed_models()]
        folder = folder or next(filter(Path.is_dir, places), places[0])
        return cls(_first(folder, DETECTORS), _first(folder, EMBEDDERS))

    @property
    def detector_sha256(self) -> str:
        return hashlib.sha256(self.detector.read_bytes()).hexdigest()

    @property
    def embedder_sha256(self) -> str:
        return hashlib.sha256(self.embedder.read_bytes()).hexdigest()

    @contextmanager
    def laid_out(self) -> Iterator[Path]:
        """Yields a folder with models as `settings.models` wants it; the pack itself is the folder `PACK` in it."""
        with TemporaryDirectory(prefix="deconvid-") as name:
            inner = Path(name) / PACK
            inner.mkdir()
            (inner / DETECTORS[0]).symlink_to(self.detector.resolve())
            (inner / EMBEDDERS[0]).symlink_to(self.embedder.resolve())
            yield Path(name)


@contextmanager
def models_of(folder: Path | None) -> Iterator[tuple[Path, ...]]:
    """Yields folders for `find_model`, so that our own code can run the pack's detector; none if there is no pack."""
    try:
        pack = Pack.find(folder)
    except RivalMissingError:
        yield ()
        return
    with pack.laid_out() as models:
        yield (models,)


def insightface_model(path: Path, threads: int) -> Any:
    """Returns what InsightFace makes of a network, on the processor."""
    from insightface.model_zoo import get_model

    model = get_model(str(path), providers=["CPUExecutionProvider"], sess_options=session_options(threads))
    model.prepare(-1, input_size=(640, 640), det_thresh=0.5)
    return model


def norm_crops(picture_bgr: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> Callable[[], object]:
    """Returns what cuts faces as InsightFace does. Raises RivalMissingError. Args: as of `engine.alignment.align`."""
    _demand_insightface()
    from insightface.utils.face_align import norm_crop

    def cut() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of a function in scikit-image that it still calls
            return [norm_crop(picture_bgr, face) for face in landmarks]

    return cut


def plain_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """Returns ONNX Runtime as its documentation shows it."""
    return onnxruntime.InferenceSession(str(path), session_options(threads), providers=["CPUExecutionProvider"])


def session_options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    return options


def eager(path: Path, threads: int) -> Callable[[NDArray[np.float32]], object]:
    """Returns a network in eager PyTorch, which takes what the runtimes take.

    Raises:
        RivalMissingError: PyTorch is missing, or nobody has told it what a node of this network does.
    """
    if not find_spec("torch"):
        raise RivalMissingError("PyTorch is not installed. Run `pip install deconvid[training]`")
    import torch

    from daemon.bench.torch_graph import TorchGraph

    torch.set_num_threads(threads)
    try:
        graph = TorchGraph(onnx.load(path))
    except KeyError as error:
        raise RivalMissingError(f"daemon/bench/torch_graph.py knows no {error}") from error

    @torch.inference_mode()
    def run(faces: NDArray[np.float32]) -> object:
        return graph(torch.from_numpy(faces))

    return run


def _demand_insightface() -> None:
    if not find_spec("insightface"):
        raise RivalMissingError("insightface is not installed. Run `pip install insightface`")


def _first(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise RivalMissingError(f"{names[0]} is not there. Run `deconvid models install {PACK}`, or name its folder")
