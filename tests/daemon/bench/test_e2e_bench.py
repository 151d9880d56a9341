"""The daemon on video files: the clip is long enough, and what is told adds up."""

import json
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner

from config import DeconvIDError
from daemon.bench.long_clip import repeat
from daemon.cli import app
from tests.rig.clips import read_number


def test_a_clip_is_repeated_without_a_gap(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    long = repeat(make_clip(fps=10, seconds=2), 5, tmp_path)
    assert (long.width, long.height, long.fps) == (320, 240, 10)
    with av.open(str(long.path)) as container:
        frames = [(frame.time, read_number(frame.to_ndarray(format="gray8"))) for frame in container.decode(video=0)]
    assert [number for _, number in frames] == [*range(20)] * 3
    assert [round(time, 2) for time, _ in frames] == [n / 10 for n in range(60)]


def test_what_is_no_video_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video")
    with pytest.raises(DeconvIDError, match="is no video"):
        repeat(tmp_path / "notes.mp4", 5, tmp_path)


@pytest.mark.slow
def test_the_daemons_cost_is_told(corridor_clip: Path, astronaut_photo: Path, tmp_path: Path) -> None:
    options = ["--cameras", "2", "--seconds", "8", "--people", str(astronaut_photo.parent), "--rivals", str(tmp_path)]
    done = CliRunner().invoke(app, ["bench", "e2e", str(corridor_clip), *options, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert "buffalo_s" in told["skipped"]["InsightFace"]
    [figure] = told["figures"]
    ours = figure["daemon"]
    assert (ours["cameras"], ours["accounted"], figure["loops"], figure["ratio"]) == (2, True, [], None)
    assert ours["people"] == ["astronaut"]
    assert sum(ours["by_role"].values()) == pytest.approx(ours["cpu_per_camera_s"], abs=0.001)
    assert 0 < ours["embedded"] <= ours["faces"]
