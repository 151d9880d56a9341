from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli import app


@pytest.mark.parametrize(("names", "told"), [(["door"], "1 camera, no problems"), (["door", "yard"], "2 cameras, no")])
def test_sound_configuration_tells_how_many_cameras_it_has(tmp_path: Path, names: list[str], told: str) -> None:
    config = tmp_path / "config.toml"
    cameras = "".join(f'[cameras.{name}]\nurl = "{config}"\n' for name in names)
    config.write_text(f'state = "{tmp_path}/state"\n{cameras}')
    result = CliRunner().invoke(app, ["check"], env={"DECONVID_CONFIG": str(config)})
    assert result.exit_code == 0
    assert told in result.stdout
