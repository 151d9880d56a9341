"""Manifests: what a model is, where its file lies, and the digest that its file must have."""

import hashlib
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints, ValidationError, model_validator

from engine.errors import ModelError
from engine.impostors import ImpostorTails

SHIPPED = Path(__file__).parent / "models"
REMOVED = {"centerface": "it is replaced by finder_v1, which is taken where no model is named"}
MACHINE_MODELS = Path("/usr/local/share/deconvid/models")
"""Models that root installed: for everybody, and for the service, which sees no home."""

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
KINDS = {"detector": ("finder", "scrfd"), "landmarks": ("landmarks",), "embedder": ("embedder",)}


def installed_models() -> tuple[Path, Path]:
    """Returns the folders of models that `deconvid models install` made, whether they exist or not; ours first."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(data) / "deconvid" / "models", MACHINE_MODELS


def models_home() -> Path:
    """Returns the folder into which `deconvid models install` puts models: for root, the one for everybody."""
    user, machine = installed_models()
    return machine if os.geteuid() == 0 and "XDG_DATA_HOME" not in os.environ else user


class ModelSpec(BaseModel):
    """One manifest, `NAME.toml`. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: FileName
    """As in the settings; also the manifest's file name."""
    task: Literal["detector", "landmarks", "embedder"]
    kind: Literal["finder", "scrfd", "landmarks", "embedder"]
    """How inputs are made and outputs are read."""
    file: FileName
    """The network, ONNX; beside the manifest unless `pack` says otherwise."""
    pack: FileName | None = None
    """Model pack that carries the file; `deconvid models install PACK` fetches it."""
    sha256: Digest
    landmarks: FileName | None = None
    """Of a detector: the model that places its landmarks better."""
    input_size: int | None = Field(None, ge=32)
    """Side of the square input in pixels; unset: any multiple of 32."""
    colour: Literal["rgb", "bgr"]
    mean: float
    """Subtracted from every channel of 0..255."""
    std: float = Field(gt=0)
    """Divides every channel after that."""
    dimension: int | None = Field(None, ge=1)
    """Length of an embedding."""
    threshold: float | None = Field(None, gt=-1, lt=1)
    """Cosine at which one in 10,000 comparisons of strangers would match."""
    impostors: ImpostorTails | None = None
    """How alike strangers may look; without it `identity.fpir` cannot be kept, and `threshold` is used."""
    licence: str
    source: str
    accuracy: dict[str, str | int | float] = Field(default_factory=dict)
    """What was measured, by data set."""

    _folders: tuple[Path, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind not in KINDS[self.task]:
            raise ValueError(f"kind {self.kind!r} is no {self.task}")
        if self.task == "embedder" and None in (self.dimension, self.threshold, self.input_size):
            raise ValueError("an embedder needs dimension, threshold and input_size")
        if self.landmarks and self.task != "detector":
            raise ValueError("landmarks belongs to a detector")
        return self

    @classmethod
    def read(cls, path: Path, folders: Sequence[Path] = ()) -> Self:
        """Returns the manifest in a file; packs are looked for in its folder, in `folders` and in the user's.

        Raises:
            ModelError: with every problem of the manifest.
        """
        try:
            spec = cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror}). Check the permissions") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: is not TOML ({error}). Correct the syntax") from error
        except ValidationError as error:
            raise ModelError(f"{path}: {_faults(error)}. Correct the manifest") from error
        if spec.name != path.stem:
            raise ModelError(f"{path}: describes {spec.name!r}. Name the file {spec.name}.toml")
        spec._folders = tuple(dict.fromkeys((path.parent, *folders, *installed_models())))
        return spec

    def placer(self) -> "ModelSpec | None":
        """Returns the model that places this detector's landmarks, if there is one.

        Raises:
            ModelError: it is nowhere, or does something else; or see `read`.
        """
        if self.landmarks is None:
            return None
        candidates = [folder / f"{self.landmarks}.toml" for folder in (*self._folders, SHIPPED)]
        path = next((path for path in candidates if os.path.isfile(path)), None)
        if path is None:
            raise ModelError(f"model {self.name}: names {self.landmarks}, which is nowhere. Copy it beside {self.name}")
        spec = self.read(path, self._folders[1:])
        if spec.task != "landmarks":
            raise ModelError(f"model {self.name}: {spec.name} is no model for landmarks. Name another one")
        return spec

    @property
    def parts(self) -> tuple["ModelSpec", ...]:
        """This model, and the one that it cannot do without. Raises ModelError: see `placer`."""
        placer = self.placer()
        return (self, placer) if placer else (self,)

    @property
    def installed(self) -> bool:
        """Whether the file exists; `verified_path` tells whether it is the right one."""
        return self._path() is not None

    def verified_path(self) -> Path:
        """Returns the file, whose digest is the manifest's.

        Raises:
            ModelError: it is missing, unreadable or altered.
        """
        path = self._path()
        if path is None:
            raise ModelError(f"model {self.name}: {self.file} is not installed. {self._fix()}")
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(
                f"model {self.name}: {self.file} cannot be read ({error.strerror}). {self._fix()}"
            ) from error
        if digest != self.sha256:
            raise ModelError(
                f"model {self.name}: {self.file} is not the file that the manifest describes "
                f"(SHA-256 {digest[:16]}… instead of {self.sha256[:16]}…). {self._fix()}"
            )
        return path

    def _path(self) -> Path | None:
        # Unlike Path.is_file, isfile is no trouble where a service must not look into a home.
        return next((path for path in self._candidates() if os.path.isfile(path)), None)

    def _candidates(self) -> list[Path]:
        if self.pack:
            return [folder / self.pack / self.file for folder in self._folders]
        return [self._folders[0] / self.file]

    def _fix(self) -> str:
        if self.pack:
            return f"Run `deconvid models install {self.pack}`"
        return "Install DeconvID again, or copy the file beside its manifest"


def list_models(folders: Sequence[Path] = ()) -> list[ModelSpec]:
    """Returns every model by name: the shipped ones, those in `folders`, and the installed ones.

    Raises:
        ModelError: a folder is missing, a manifest is wrong, or two describe the same name.
    """
    found: dict[str, ModelSpec] = {}
    for folder in dict.fromkeys([SHIPPED, *folders, *installed_models()]):
        if folder in folders and not folder.is_dir():
            raise ModelError(f"{folder}: is no folder. Correct `models` in the configuration")
        for path in sorted(folder.glob("*.toml")):
            spec = ModelSpec.read(path, folders)
            if spec.name in found:
                raise ModelError(f"{path}: model {spec.name} is described twice. Rename one of the two manifests")
            found[spec.name] = spec
    return sorted(found.values(), key=lambda spec: spec.name)


def find_model(name: str, folders: Sequence[Path] = ()) -> ModelSpec:
    """Returns the model of that name.

    Raises:
        ModelError: there is none, or see `list_models`.
    """
    models = {spec.name: spec for spec in list_models(folders)}
    if name not in models:
        if name in REMOVED:
            raise ModelError(f"model {name!r} is gone: {REMOVED[name]}. Leave it out of the configuration")
        raise ModelError(f"model {name!r} is unknown. Known are {', '.join(models)}; see `deconvid models list`")
    return models[name]


def _faults(error: ValidationError) -> str:
    details: list[Any] = error.errors(include_url=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, d['loc'])) or 'manifest'}: {d['msg'].removeprefix('Value error, ')}" for d in details
    )
