"""`[detection]`, `[embedding]`, `[tracking]`, `[identity]`: from a frame to a person."""

from typing import Literal

from pydantic import Field

from config.section import Section


class DetectionSettings(Section):
    model: str = "finder_v1"
    """Name of a detector's manifest; `deconvid models list` shows them."""
    size_px: int = Field(640, ge=96, le=1920)
    """Longer side of the picture in which faces are looked for. Smaller is faster and misses small faces."""
    tiles: int = Field(1, ge=1, le=4)
    """For wide scenes: also looks at so many by so many overlapping parts, each as large as `size_px`. 2 finds faces of
    half the size and costs five looks instead of one, 3 costs ten."""
    threshold: float = Field(0.5, gt=0, lt=1)
    """Least score of a face: of both looks at it, the first at the whole picture and the second at the face. Below 0.1
    many more places are looked at again, the best 128 of a picture at most."""
    smallest_face_px: int = Field(20, ge=8)
    """Faces with a smaller box, measured in the camera's own pixels, are not recognised."""
    precision: Literal["f32", "bf16"] = "f32"
    """In what the detector multiplies, as `embedding.precision`: bf16 moves landmarks a little, and is faster."""


class EmbeddingSettings(Section):
    model: str = "deconv_v2"
    """Name of an embedder's manifest."""
    runtime: Literal["auto", "tensorrt", "openvino", "onnxruntime"] = "auto"
    """What executes the networks; auto measures OpenVINO and ONNX Runtime once on each machine, takes the faster, and
    keeps the answer in the state folder. With an NVIDIA GPU and TensorRT (docs/runtimes.md) the embedder goes over to
    them when it is compiled; tensorrt is auto, and warns where that cannot be."""
    threads: int = Field(0, ge=0, le=256)
    """Threads of the detector, and as many of the embedder, which works beside it while there are faces; 0 = one less
    than the cores, at least one."""
    precision: Literal["f32", "bf16"] = "f32"
    """In what the embedder multiplies. bf16 is faster on processors that have it, and needs OpenVINO; the others go on
    with f32. What it costs in accuracy: docs/benchmarks.md."""


class TrackingSettings(Section):
    lost_after_s: float = Field(2.0, gt=0, le=60)
    """A face that was not seen for this long is lost: who turns up at its place is somebody else."""
    return_s: float = Field(3.0, ge=0, le=60)
    """A lost face that is seen again so soon after it was seen last, anywhere in the picture, goes on as the same one
    if it looks the same. Only then is it told to have left; 0: as soon as it is lost."""
    refresh_s: float = Field(1.0, gt=0, le=3600)
    """A tracked face is embedded again after this long, or as soon as it is seen clearly better."""
    least_quality: float = Field(0.25, ge=0, le=1)
    """Crops below this quality (size, sharpness, pose, detector score) are not embedded."""


class IdentitySettings(Section):
    fpir: float = Field(0.001, ge=1e-6, le=0.5)
    """Tolerated share of strangers who are given somebody's name (false-positive identification rate), per person who
    comes by. The threshold follows from it, the embedder and the number of people: `deconvid calibrate report` shows
    it, and what it costs."""
    strangers_are: Literal["alike", "anybody"] = "alike"
    """For whom `fpir` is kept. alike: even if all strangers are of the enrolled people's own race and gender, as in a
    place where everybody resembles everybody. anybody: for people at large, of all races, genders and ages; then fewer
    of those who are enrolled stay unnamed, and more than `fpir` of the strangers who are alike get a name."""
    threshold: float | None = Field(None, gt=-1, lt=1)
    """Least cosine of a match, whatever `fpir` and the gallery are. Unset: `fpir` decides."""
    margin: float = Field(0.05, ge=0, lt=1)
    """How far the best person must be ahead of the second best."""
    hysteresis: float = Field(0.05, ge=0, lt=1)
    """How far below the threshold an identified track may fall before its identity is withdrawn."""
    least_observations: int = Field(2, ge=1, le=100)
    """Embeddings of a track before anything is said about it."""
    nearness: float = Field(0.1, ge=0, lt=1)
    """A face that stays below the threshold by less than this is not called unknown at once: it may be somebody who
    comes nearer."""
    patience: int = Field(8, ge=1, le=100)
    """Embeddings after which such a face is called unknown all the same, if it has not left before."""
