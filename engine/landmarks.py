"""Landmarks placed better: a small network looks at each face as the detector's own landmarks frame it.

The cascade of MTCNN (Zhang et al. 2016, arXiv:1604.02878): a detector that sees the whole picture has few pixels and
little time for one face. What looks at that face alone places its landmarks better, knows what is none, and sees it at
the resolution that the camera gave. The network is training/landmarks/network.py.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.alignment import ARCFACE_TEMPLATE, TEMPLATE_SIZE, align, align_yuv, from_crops
from engine.errors import ModelError
from engine.faces import LANDMARKS, Detections
from engine.images import Picture, YuvImage
from engine.manifests import ModelSpec
from engine.runtimes import DEFAULTS, Execution, Runtime, load_runtime
from engine.runtimes.crops import CROPS, crop_network

VIEW_PX = 64
RIM_PX = 5
"""A view is an aligned crop of 74 pixels without so much of each side."""
CROP_PX = VIEW_PX + 2 * RIM_PX
VIEW_TEMPLATE = (ARCFACE_TEMPLATE * (CROP_PX / TEMPLATE_SIZE) - RIM_PX).astype(np.float32)
"""(5, 2): where landmarks that need no correction lie in a view."""
SPREAD_PX = 4.0
"""By which a landmark moves for an output of one."""
OUTPUTS = 2 * LANDMARKS + 1
LARGEST_BATCH = 32
USUAL_BATCH = 2
"""Faces of one picture with which runtimes are compared."""


def views(picture: Picture, landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Returns (N, 64, 64, 3) BGR: each face as landmarks, (N, 5, 2) in pixels of the picture, frame it."""
    if isinstance(picture, YuvImage):
        crops = align_yuv(picture, landmarks, CROP_PX)
    else:
        crops = align(picture, landmarks, CROP_PX)
    return crops[:, RIM_PX : RIM_PX + VIEW_PX, RIM_PX : RIM_PX + VIEW_PX]


class LandmarkPlacer:
    """A network that corrects the landmarks of faces that were found."""

    def __init__(self, spec: ModelSpec, runtime: Runtime) -> None:
        self.spec, self._runtime = spec, runtime
        # A wrong manifest must stop the start, not the first face.
        self._run(np.zeros((1, VIEW_PX, VIEW_PX, 3), np.uint8))

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        how: Execution = DEFAULTS,
    ) -> Self:
        """Returns a placer that is ready to use. Arguments, and what is raised: as of `Embedder.load`."""
        if spec.task != "landmarks" or spec.input_size != VIEW_PX:
            raise ModelError(f"model {spec.name} places no landmarks in views of {VIEW_PX} px. Name another one")
        network, usual = crop_network(spec), (USUAL_BATCH, 3, VIEW_PX, VIEW_PX)
        return cls(spec, load_runtime(network.path, how, usual=usual, crops=network.input))

    def place(self, picture: Picture, found: Detections) -> Detections:
        """Returns the same faces with better landmarks, in the same order.

        A score becomes the geometric mean of itself and of this network's belief that there is a face.

        Args:
            picture: where the faces are, best at full resolution.
            found: its faces, pixels of the picture.
        """
        raw = np.empty((len(found), OUTPUTS), np.float32)
        for start in range(0, len(found), LARGEST_BATCH):
            some = slice(start, start + LARGEST_BATCH)
            raw[some] = self._run(views(picture, found.landmarks[some]))
        in_crops = VIEW_TEMPLATE + RIM_PX + raw[:, :-1].reshape(-1, LANDMARKS, 2) * np.float32(SPREAD_PX)
        belief = np.exp(-np.logaddexp(0, -raw[:, -1]))  # the logistic function of any number
        return Detections(found.boxes, np.sqrt(found.scores * belief), from_crops(in_crops, found.landmarks, CROP_PX))

    def _run(self, shown: NDArray[np.uint8]) -> NDArray[np.float32]:
        raw = next(iter(self._runtime.run({CROPS: shown}).values()))
        if raw.shape != (len(shown), OUTPUTS):
            raise ModelError(
                f"model {self.spec.name} gives {raw.shape} for {len(shown)} faces, not ({len(shown)}, {OUTPUTS}). "
                f"Name a model that places landmarks"
            )
        return raw
