"""Which workers a change of the configuration touches."""

from typing import Any

import pytest

from config import Settings
from daemon.plans import Place, bridge_plan, identity_plan, vision_plan
from daemon.worker_process import WorkerPlan
from daemon.workers.task import IdentityTask, VisionTask

CONFIG: dict[str, Any] = {
    "cameras": {"door": {"url": "rtsp://192.0.2.1/x"}, "yard": {"url": "rtsp://192.0.2.2/x"}},
    "zones": {name: {"camera": "door", "polygon": [[0, 0], [1, 0], [1, 1]]} for name in ("mat", "lawn")},
    "rules": {"known": {"faces": "known", "zones": ["mat"]}, "late": {"zones": ["lawn"]}},
    "bridges": {
        "alarm": {"kind": "webhook", "url": "http://192.0.2.3/x", "rules": ["known"]},
        "home": {"kind": "mqtt", "host": "192.0.2.4"},
        "quiet": {"kind": "mqtt", "host": "192.0.2.4", "discovery": False},
    },
}


def plan_of(bridge: str, changed: dict[str, Any] | None = None) -> WorkerPlan:
    """Args: changed: sections with the entries that differ from CONFIG."""
    sections = {name: {**CONFIG[name], **entries} for name, entries in (changed or {}).items()}
    return bridge_plan(Place(Settings.model_validate({**CONFIG, **sections}), {}), bridge)


@pytest.mark.parametrize(
    ("bridge", "changed", "stays"),
    [
        ("home", {"cameras": {"yard": {"url": "rtsp://192.0.2.2/x", "detect_fps": 2.0}}}, True),
        ("home", {"cameras": {"hall": {"url": "rtsp://192.0.2.5/x"}}}, False),
        ("quiet", {"cameras": {"hall": {"url": "rtsp://192.0.2.5/x"}}}, True),
        ("alarm", {"cameras": {"hall": {"url": "rtsp://192.0.2.5/x"}}}, True),
        ("alarm", {"rules": {"late": {"zones": ["lawn"], "cooldown_s": 9.0}}}, True),
        ("alarm", {"rules": {"known": {"faces": "known", "zones": ["mat"], "cooldown_s": 9.0}}}, False),
        ("alarm", {"zones": {"lawn": {"camera": "yard", "polygon": [[0, 0], [1, 0], [1, 1]]}}}, True),
        ("alarm", {"zones": {"mat": {"camera": "yard", "polygon": [[0, 0], [1, 0], [1, 1]]}}}, False),
        ("alarm", {"bridges": {"home": {"kind": "mqtt", "host": "192.0.2.9"}}}, True),
    ],
)
def test_bridge_is_left_alone_unless_something_changes_that_it_uses(bridge, changed, stays) -> None:
    assert (plan_of(bridge) == plan_of(bridge, changed)) is stays


@pytest.mark.parametrize("strangers_are", ["alike", "anybody"])
def test_the_identity_worker_is_told_for_whom_the_rate_is_kept(tmp_path, strangers_are) -> None:
    settings = Settings.model_validate({"state": tmp_path, "identity": {"strangers_are": strangers_are}})
    task = identity_plan(Place(settings, {})).task
    assert isinstance(task, IdentityTask)
    assert task.strangers_are == strangers_are


@pytest.mark.parametrize(
    ("changed", "stays"),
    [
        ({"strangers": {"most": 9}}, True),
        ({"strangers": {"enabled": False}}, False),
        ({"snapshots": {"keep_days": 9, "draw": True}}, True),
        ({"snapshots": {"of": "face"}}, False),
        ({"tracking": {"return_s": 9.0}}, False),
    ],
)
def test_the_vision_worker_is_left_alone_unless_something_changes_that_it_uses(tmp_path, changed, stays) -> None:
    before, after = (vision_plan(Place(Settings.model_validate({"state": tmp_path, **c}), {})) for c in ({}, changed))
    assert (before == after) is stays


def test_the_vision_worker_keeps_what_it_measures_and_compiles_in_the_state_folder(tmp_path) -> None:
    settings = Settings(state=tmp_path)
    task = vision_plan(Place(settings, {})).task
    assert isinstance(task, VisionTask)
    told = Settings.model_validate_json(task.settings)
    assert (told.runtime_calibrations, told.plans_folder) == (settings.runtime_calibrations, settings.plans_folder)
