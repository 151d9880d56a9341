"""`deconvid bench embed`: from aligned crops to embeddings."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from daemon.bench.engine_bench import EngineBench, EngineReport, precisions
from daemon.bench.rivals import eager, insightface_model, plain_session
from engine.batching import Batcher
from engine.embedder import LARGEST_BATCH, Embedder
from engine.manifests import ModelSpec
from engine.runtimes import Execution, Precision

Crops = NDArray[np.uint8]

BATCHES = (1, 8, 16, LARGEST_BATCH)
LIST = 16
"""Faces at once where a rival takes lists."""
SHAPE = (1, 3, 112, 112)


def bench_embed(bench: EngineBench, spec: ModelSpec) -> EngineReport:
    crops = np.random.default_rng(0).integers(0, 256, (LARGEST_BATCH, *SHAPE[2:], 3), np.uint8)
    gmacs = bench.cost(spec.name, spec.verified_path(), SHAPE, spec.sha256)
    for precision in precisions():
        _enter_ours(
            bench, Embedder.load(spec, Execution("openvino", bench.threads, precision)), crops, gmacs, precision
        )
    _enter_ours(bench, Embedder.load(spec, Execution("onnxruntime", bench.threads)), crops, gmacs, "f32")
    bench.enter("batcher alone", f"batch {LARGEST_BATCH}", LARGEST_BATCH, partial(fill_and_take, crops))
    _enter_same_network(bench, spec, crops, gmacs)
    with bench.rival("InsightFace w600k_mbf"):
        pack = bench.pack()
        gmacs = bench.cost("w600k_mbf", pack.embedder, SHAPE, pack.embedder_sha256)
        other = insightface_model(pack.embedder, bench.threads)
        some = list(crops[:LIST])
        bench.enter("InsightFace w600k_mbf", "one by one", LIST, lambda: [other.get_feat(c) for c in some], gmacs)
        bench.enter("InsightFace w600k_mbf", f"list of {LIST}", LIST, partial(other.get_feat, some), gmacs)
    return bench.race()


def _enter_ours(bench: EngineBench, embedder: Embedder, crops: Crops, gmacs: float, precision: Precision) -> None:
    for batch in BATCHES:
        who = f"DeconvID {embedder.runtime.name} {precision}"
        bench.enter(who, f"batch {batch}", batch, partial(embedder.embed, crops[:batch]), gmacs, precision)


def _enter_same_network(bench: EngineBench, spec: ModelSpec, crops: Crops, gmacs: float) -> None:
    """What a user would have done with our network alone; making its input is left out."""
    blob = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32) / np.float32(127.5) - 1
    session = plain_session(spec.verified_path(), bench.threads)
    feed = {session.get_inputs()[0].name: blob[:1]}
    bench.enter(f"ONNX Runtime {spec.name}", "batch 1", 1, partial(session.run, None, feed), gmacs)
    with bench.rival(f"PyTorch eager {spec.name}"):
        network = eager(spec.verified_path(), bench.threads)
        for batch in (1, LIST):
            who = f"PyTorch eager {spec.name}"
            bench.enter(who, f"batch {batch}", batch, partial(network, blob[:batch]), gmacs)


@dataclass(frozen=True, slots=True, eq=False)
class BenchCrop:
    track: str
    is_new: bool
    pixels: Crops


def fill_and_take(crops: Crops) -> None:
    """What the batcher itself costs: crops of many tracks, gathered and taken."""
    batcher = Batcher[BenchCrop](len(crops), 1.0, 4 * len(crops))
    for i, pixels in enumerate(crops):
        batcher.put(BenchCrop(f"track-{i}", i % 3 == 0, pixels))
    assert batcher.take().pixels.shape == (len(crops), *SHAPE[2:], 3)
