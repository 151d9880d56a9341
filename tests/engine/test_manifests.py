from pathlib import Path

import pytest

from engine import ModelError
from engine.detectors import load_detector
from engine.manifests import MACHINE_MODELS, ModelSpec, find_model, installed_models, list_models, models_home

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
KEYS = {
    "name": "mine",
    "task": "embedder",
    "kind": "embedder",
    "file": "mine.onnx",
    "sha256": EMPTY_SHA256,
    "input_size": 112,
    "colour": "rgb",
    "mean": 127.5,
    "std": 127.5,
    "dimension": 4,
    "threshold": 0.3,
    "licence": "MIT",
    "source": "here",
}


def write(folder: Path, name: str = "mine", **keys: object) -> Path:
    """Writes a manifest; a key that is None is left out."""
    lines = {**KEYS, "name": name, **keys}
    path = folder / f"{name}.toml"
    path.write_text("".join(f"{key} = {value!r}\n" for key, value in lines.items() if value is not None))
    return path


@pytest.fixture(autouse=True)
def no_models_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "deconvid" / "models"


def test_shipped_manifests_are_sound_and_the_default_detector_is_there() -> None:
    names = [spec.name for spec in list_models()]
    assert {"finder_v1", "scrfd_500m"} <= set(names)
    assert find_model("finder_v1").verified_path().name == "finder_v1.onnx"


def test_a_file_beside_its_manifest_is_found(tmp_path: Path) -> None:
    spec = ModelSpec.read(write(tmp_path))
    assert not spec.installed
    (tmp_path / "mine.onnx").touch()
    assert spec.installed
    assert spec.verified_path() == tmp_path / "mine.onnx"


def test_an_altered_file_is_not_loaded(tmp_path: Path) -> None:
    spec = ModelSpec.read(write(tmp_path))
    (tmp_path / "mine.onnx").touch()
    spec.verified_path()
    (tmp_path / "mine.onnx").write_bytes(b"other")
    with pytest.raises(ModelError, match="is not the file that the manifest describes"):
        spec.verified_path()


def test_a_pack_is_found_in_the_users_folder(no_models_of_the_user: Path) -> None:
    spec = find_model("scrfd_500m")
    with pytest.raises(ModelError, match="Run `deconvid models install buffalo_s`"):
        spec.verified_path()
    (no_models_of_the_user / "buffalo_s").mkdir(parents=True)
    (no_models_of_the_user / "buffalo_s" / "det_500m.onnx").touch()
    assert spec.installed


@pytest.mark.parametrize(("uid", "for_everybody"), [(0, True), (1000, False)])
def test_what_root_installs_is_for_the_service_too(
    monkeypatch: pytest.MonkeyPatch, uid: int, for_everybody: bool
) -> None:
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr("os.geteuid", lambda: uid)
    assert (models_home() == MACHINE_MODELS) is for_everybody
    assert models_home() in installed_models()
    assert not MACHINE_MODELS.is_relative_to(Path.home())


def test_what_places_landmarks_lies_beside_its_detector(tmp_path: Path) -> None:
    write(tmp_path, name="placer", task="landmarks", kind="landmarks")
    keys = {"task": "detector", "kind": "finder"}
    finder = ModelSpec.read(write(tmp_path, name="finder", landmarks="placer", **keys))
    assert finder.placer() == ModelSpec.read(tmp_path / "placer.toml")
    assert ModelSpec.read(write(tmp_path, name="plain", **keys)).placer() is None
    with pytest.raises(ModelError, match="names absent, which is nowhere"):
        ModelSpec.read(write(tmp_path, name="other", landmarks="absent", **keys)).placer()
    with pytest.raises(ModelError, match="finder is no model for landmarks"):
        ModelSpec.read(write(tmp_path, name="other", landmarks="finder", **keys)).placer()
    shipped = ModelSpec.read(write(tmp_path, name="other", landmarks="landmarks_v1", **keys))
    assert shipped.parts == (shipped, find_model("landmarks_v1"))


def test_a_model_that_is_gone_says_what_came_in_its_place() -> None:
    with pytest.raises(ModelError, match="'centerface' is gone: it is replaced by finder_v1"):
        find_model("centerface")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"colours": "rgb"}, "colours: Extra inputs"),
        ({"sha256": "abc"}, "sha256: "),
        ({"file": "../mine.onnx"}, "file: "),
        ({"task": "detector"}, "kind 'embedder' is no detector"),
        ({"dimension": None}, "an embedder needs dimension"),
        ({"landmarks": "other"}, "landmarks belongs to a detector"),
        ({"std": 0, "licence": None}, "std: .*; licence: Field required"),
    ],
)
def test_a_faulty_manifest_is_refused_with_every_fault(tmp_path: Path, keys: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ModelSpec.read(write(tmp_path, **keys))


def test_a_manifest_carries_its_own_name(tmp_path: Path) -> None:
    path = write(tmp_path).rename(tmp_path / "other.toml")
    with pytest.raises(ModelError, match=r"Name the file mine.toml"):
        ModelSpec.read(path)


def test_a_name_that_is_described_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, name="finder_v1")
    with pytest.raises(ModelError, match="finder_v1 is described twice"):
        find_model("finder_v1", [tmp_path])


def test_an_unknown_name_and_a_missing_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'x' is unknown\. Known are deconv_v2, "):
        find_model("x")
    with pytest.raises(ModelError, match="is no folder"):
        find_model("finder_v1", [tmp_path / "absent"])


def test_an_embedder_is_no_detector(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="mine is no detector"):
        load_detector(ModelSpec.read(write(tmp_path)))
