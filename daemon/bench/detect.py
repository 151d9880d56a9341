"""`deconvid bench detect`: from a picture of 1280x720 to boxes and landmarks."""

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np

from daemon.bench.engine_bench import EngineBench, EngineReport, precisions
from daemon.bench.rivals import insightface_model, plain_session
from daemon.demo.cast import GROUP, read
from engine.detectors import load_detector
from engine.detectors.letterbox import letterbox
from engine.landmarks import VIEW_PX
from engine.manifests import ModelSpec
from engine.runtimes import Execution, Precision
from engine.runtimes.calibration import CpuRuntime

SQUARE_PX = 640
"""InsightFace pads every picture to a square."""


def bench_detect(bench: EngineBench, specs: Sequence[ModelSpec], size_px: int) -> EngineReport:
    picture = np.asarray(cv2.resize(read(GROUP), (1280, 720), interpolation=cv2.INTER_AREA), np.uint8)
    blob = cv2.dnn.blobFromImage(letterbox(picture, size_px)[0])
    ways: list[tuple[CpuRuntime, Precision]] = [("openvino", precision) for precision in precisions()]
    ways.append(("onnxruntime", "f32"))
    for spec in specs:
        path = spec.verified_path()
        gmacs, per_face = bench.cost(spec.name, path, blob.shape, spec.sha256), _second_look(bench, spec)
        for runtime, precision in ways:
            detector = load_detector(spec, size_px, how=Execution(runtime, bench.threads, precision))
            faces = len(detector.detect([picture])[0])
            who, all_gmacs = f"DeconvID {spec.name} {runtime} {precision}", gmacs + faces * per_face
            bench.enter(who, f"{faces} faces found", 1, partial(detector.detect, [picture]), all_gmacs, precision)
        with bench.rival(f"ONNX Runtime {spec.name}"):
            session = plain_session(path, bench.threads)
            feed = {session.get_inputs()[0].name: blob}
            bench.enter(f"ONNX Runtime {spec.name}", "network only", 1, partial(session.run, None, feed), gmacs)
    with bench.rival("InsightFace SCRFD-500M"):
        pack = bench.pack()
        gmacs = bench.cost("SCRFD-500M", pack.detector, (1, 3, SQUARE_PX, SQUARE_PX), pack.detector_sha256)
        other = insightface_model(pack.detector, bench.threads)
        what = f"{len(other.detect(picture)[0])} faces found"
        bench.enter("InsightFace SCRFD-500M", what, 1, partial(other.detect, picture), gmacs)
    return bench.race()


def _second_look(bench: EngineBench, spec: ModelSpec) -> float:
    """Returns the 10^9 multiply-accumulates with which a detector looks at one face again; 0: it does not."""
    placer = spec.placer()
    if placer is None:
        return 0.0
    return bench.cost(placer.name, placer.verified_path(), (1, 3, VIEW_PX, VIEW_PX), placer.sha256)
