"""Places on pictures without faces that look a little like one to the detector's teacher.

python -m training.landmarks.mistakes         # once, a minute
"""

import logging

import numpy as np
from numpy.typing import NDArray

from training.detection.backgrounds import load_backgrounds
from training.paths import RUNS

logger = logging.getLogger(__name__)

SCALES = {0.5: 1e9, 1.0: 1e9, 2.0: 1e9}
LEAST_SCORE = 0.03


def load_mistakes() -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Returns (M,) which background and (M, 5, 2) where on it there seem to be landmarks; made on first use."""
    cache = RUNS / "background-mistakes.npz"
    if not cache.exists():
        from training.detection.teachers import YuNet  # OpenVINO is not at hand where a GPU trains

        yunet = YuNet(LEAST_SCORE)
        found = [yunet.detect(image, SCALES).landmarks for image in load_backgrounds()]
        np.savez(
            cache, picture=np.repeat(np.arange(len(found)), [len(each) for each in found]), landmarks=np.vstack(found)
        )
    mistakes = np.load(cache)
    return mistakes["picture"], mistakes["landmarks"]


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    pictures, _ = load_mistakes()
    logger.info("%d mistakes on %d pictures", len(pictures), len(np.unique(pictures)))
