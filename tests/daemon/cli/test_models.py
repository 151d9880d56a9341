import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from daemon.cli.models import app

CONTENT = b"a network"


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "deconvid" / "models"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose model folder knows one model, `tiny` of the pack `small`."""
    folder = tmp_path / "manifests"
    folder.mkdir()
    digest = hashlib.sha256(CONTENT).hexdigest()
    (folder / "tiny.toml").write_text(
        'name = "tiny"\ntask = "detector"\nkind = "scrfd"\npack = "small"\nfile = "tiny.onnx"\n'
        f'sha256 = "{digest}"\ncolour = "rgb"\nmean = 0\nstd = 1\nlicence = "research only"\nsource = "a release"\n'
    )
    path = tmp_path / "config.toml"
    path.write_text(f"models = ['{folder}']\n")
    return path


def deconvid(*arguments: object, answer: str = "") -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], input=answer, env={"COLUMNS": "200"})


def test_the_list_names_every_model_with_its_licence(config: Path) -> None:
    result = deconvid("list", "-c", config)
    assert result.exit_code == 0
    assert all(text in result.stdout for text in ("finder_v1", "Apache-2.0", "tiny", "research only"))


def test_the_list_is_json_for_machines(config: Path) -> None:
    models = {model["name"]: model for model in json.loads(deconvid("list", "--json", "-c", config).stdout)}
    assert (models["finder_v1"]["installed"], models["tiny"]["installed"]) == (True, False)


def test_a_model_whose_file_was_altered_is_shown_so(config: Path, user_folder: Path) -> None:
    (user_folder / "small").mkdir(parents=True)
    (user_folder / "small" / "tiny.onnx").write_bytes(b"another network")
    assert "altered" in deconvid("list", "-c", config).stdout


@pytest.mark.parametrize("kind", ["folder", "file", "zip"])
def test_a_pack_is_installed_from_what_is_at_hand(tmp_path: Path, config: Path, user_folder: Path, kind: str) -> None:
    source = tmp_path / "given" / "under_another_name.onnx"
    source.parent.mkdir()
    source.write_bytes(CONTENT)
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "small.zip", "w") as archive:
            archive.write(source, "inside/tiny.onnx")
    origin = {"folder": source.parent, "file": source, "zip": tmp_path / "small.zip"}[kind]
    result = deconvid("install", "small", "--from", origin, "-c", config, answer="y\n")
    assert result.exit_code == 0, result.output
    assert "research only" in result.stderr
    assert result.stdout.startswith("tiny: installed")
    assert (user_folder / "small" / "tiny.onnx").read_bytes() == CONTENT
    assert len(list((user_folder / "small").iterdir())) == 1


def test_a_pack_can_go_to_a_folder_of_the_configuration(tmp_path: Path, config: Path, user_folder: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(CONTENT)
    deconvid("install", "small", "--from", tmp_path / "a.onnx", "--to", tmp_path / "manifests", "-y", "-c", config)
    assert not user_folder.exists()
    assert '"installed": true' in deconvid("list", "--json", "-c", config).stdout.split('"name": "scrfd_500m"')[1]


def test_nothing_is_installed_without_consent(tmp_path: Path, config: Path, user_folder: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(CONTENT)
    result = deconvid("install", "small", "--from", tmp_path / "a.onnx", "-c", config, answer="n\n")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert not user_folder.exists()


@pytest.mark.parametrize("name", ["wrong.onnx", "broken.zip", "absent.onnx"])
def test_a_file_that_is_not_the_model_is_refused(tmp_path: Path, config: Path, user_folder: Path, name: str) -> None:
    (tmp_path / "wrong.onnx").write_bytes(b"another network")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    result = deconvid("install", "small", "--yes", "--from", tmp_path / name, "-c", config)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert not user_folder.exists()


def test_an_unknown_pack_is_told(config: Path) -> None:
    result = deconvid("install", "none", "-y", "-c", config)
    assert result.exit_code == 1
    assert "Known are small, buffalo_s" in result.stderr or "Known are buffalo_s, small" in result.stderr


def test_a_host_that_cannot_be_reached_is_named_with_the_way_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody listens: the same everywhere, online or not
    result = deconvid("install", "buffalo_s", "--yes")
    assert result.exit_code == 1
    assert result.stdout == ""
    message = result.stderr.splitlines()[-1]
    assert message.startswith("error: model pack buffalo_s: cannot be fetched from github.com (")
    assert "deconvid models install buffalo_s --from buffalo_s.zip" in message
