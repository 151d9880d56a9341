"""Model packs into a folder of models: recognised by digest, written whole or not at all."""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from config.whole_files import READABLE, replacing
from engine.errors import ModelError
from engine.manifests import ModelSpec

LARGEST_MODEL_BYTES = 500_000_000


def install_pack(specs: Sequence[ModelSpec], origin: Path, folder: Path) -> None:
    """Copies the files of a pack's models, whatever their names are, into a folder of models.

    Args:
        specs: the models of one pack.
        origin: a folder with .onnx files, a .zip with them, or one .onnx file.
        folder: `models_home()`, or one that the settings name; the files go to `folder/PACK/`.

    Raises:
        ModelError: `origin` lacks a file with a model's digest, or something cannot be read or written.
    """
    wanted = {spec.sha256: spec for spec in specs}
    try:
        for content in _networks(origin):
            spec = wanted.pop(hashlib.sha256(content).hexdigest(), None)
            if spec:
                _write(folder / str(spec.pack) / spec.file, content)
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(
            f"{origin}: cannot be installed ({reason}). Check the file, the permissions and the disk"
        ) from error
    for spec in wanted.values():
        raise ModelError(
            f"{origin}: holds no file with the digest of {spec.file} (SHA-256 {spec.sha256}). "
            f"Fetch it from {spec.source}"
        )


def _networks(origin: Path) -> Iterator[bytes]:
    """Yields the contents of the .onnx files that may be meant."""
    if origin.is_dir():
        for path in sorted(origin.rglob("*.onnx")):
            if path.is_file() and path.stat().st_size <= LARGEST_MODEL_BYTES:
                yield path.read_bytes()
    elif zipfile.is_zipfile(origin):
        with zipfile.ZipFile(origin) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".onnx") and member.file_size <= LARGEST_MODEL_BYTES:
                    yield archive.read(member)
    elif origin.stat().st_size <= LARGEST_MODEL_BYTES:
        yield origin.read_bytes()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, READABLE) as file:
        file.write(content)
