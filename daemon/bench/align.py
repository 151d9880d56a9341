"""`deconvid bench align`: from a frame of 1920x1080 and landmarks to crops."""

from functools import partial

import numpy as np

from daemon.bench.engine_bench import EngineBench, EngineReport
from daemon.bench.rivals import norm_crops
from engine.alignment import ARCFACE_TEMPLATE, align, align_yuv
from engine.images import YuvImage

HEIGHT, WIDTH = 1080, 1920
FACES = 8
SIDES_PX = (40, 112, 300)
"""Of faces in the frame."""


def bench_align(bench: EngineBench) -> EngineReport:
    rng = np.random.default_rng(0)
    y, u, v = (rng.integers(0, 256, (HEIGHT // n, WIDTH // n), np.uint8) for n in (1, 2, 2))
    frame = YuvImage(y, u, v, bt709=True, full_range=False)
    picture = frame.to_bgr()
    for side_px in SIDES_PX:
        middles = rng.uniform(side_px, HEIGHT - side_px, (FACES, 1, 2))
        points = ((ARCFACE_TEMPLATE - 56) * side_px / 112 + middles).astype(np.float32)
        what = f"{FACES} faces of {side_px} px"
        bench.enter("DeconvID, a camera's planes", what, FACES, partial(align_yuv, frame, points))
        bench.enter("DeconvID, BGR", what, FACES, partial(align, picture, points))
        with bench.rival("InsightFace, BGR"):
            bench.enter("InsightFace, BGR", what, FACES, norm_crops(picture, points))
    return bench.race()
