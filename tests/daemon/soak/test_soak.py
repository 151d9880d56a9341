import json
import os
import subprocess
import time
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from config import DeconvIDError, Settings
from daemon.cli import app
from daemon.demo.verdict import Verdict
from daemon.frames import FRAMES_FOLDER, DropReason, FrameRing, instance_id
from daemon.operations.status import CameraStatus, DaemonStatus, Ill, WorkerStatus
from daemon.soak.faults import KINDS
from daemon.soak.page import page
from daemon.soak.record import record
from daemon.soak.remains import children_of, remains
from daemon.soak.report import MOST_POINTS, FaultReport, SoakReport, judge, thinned
from daemon.soak.rig import Rig
from daemon.soak.schedule import DEFAULT, Fault, read_faults, schedule
from daemon.soak.watch import NOTICED_S, Watch


def test_the_default_list_has_every_kind_of_fault():
    assert {fault.kind for fault in read_faults(DEFAULT, set(KINDS))} == set(KINDS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[fault]]\nkind = 'meteor'\n", "meteor"),
        ("[[fault]]\nkind = 'reload'\nwhen = 3\n", "when"),
        ("[[fault]\n", "line"),
        ("", "fault"),
    ],
)
def test_a_wrong_list_is_told(tmp_path, text, told):
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(DeconvIDError, match=told):
        read_faults(path, set(KINDS))


def test_faults_follow_each_other_in_peace_and_leave_time_to_recover():
    faults = [Fault("reload", for_s=0, then_s=10), Fault("disk_full", for_s=5, then_s=20)]
    planned = list(schedule(faults, seconds=100, first_s=20))
    assert [at_s for at_s, _ in planned] == [20, 30, 55, 65, 90]
    assert all(at_s + fault.for_s + fault.then_s <= 100 for at_s, fault in planned)


def status(analysed=10, captured=10, ills=(), written_wall_ns=None):
    now = time.time_ns()
    return DaemonStatus(
        version="0",
        pid=1,
        state="running",
        started_wall_ns=now,
        written_wall_ns=now if written_wall_ns is None else written_wall_ns,
        configuration="",
        workers=(
            WorkerStatus(
                name="vision",
                role="vision",
                state="running",
                pid=2,
                since_wall_ns=now,
                restarts=0,
                heartbeat_age_s=0,
                memory_bytes=1 << 20,
                cpu_s=1,
            ),
        ),
        cameras=(
            CameraStatus(
                name="cam1",
                state="streaming",
                detail="",
                since_wall_ns=now,
                captured=captured,
                analysed=analysed,
                in_flight=0,
                dropped={},
            ),
        ),
        ills=ills,
    )


def test_a_fault_is_over_when_nothing_is_ill_and_frames_are_analysed_again():
    watch = Watch(Verdict({}, []))
    watch.take_status(status(analysed=10), time.time_ns())
    ordeal = watch.begin(Fault("kill_worker", "vision"))
    watch.end(ordeal)
    watch.take_status(status(analysed=11, captured=11), time.time_ns())
    assert ordeal.recovered_s is None  # so soon, the status may not know of it
    watch.started_s -= NOTICED_S
    watch.take_status(status(analysed=11, captured=11, ills=(Ill("vision", "restarting"),)), time.time_ns())
    assert ordeal.recovered_s is None
    watch.take_status(status(analysed=10), time.time_ns())
    assert ordeal.recovered_s is None
    watch.take_status(status(analysed=11, captured=11), time.time_ns())
    assert ordeal.recovered_s is not None


def test_a_daemon_whose_clock_was_set_is_judged_by_that_clock():
    watch = Watch(Verdict({}, []))
    ahead_ns = time.time_ns() + 3600 * 10**9
    watch.take_status(status(written_wall_ns=ahead_ns), ahead_ns)
    watch.take_status(status(written_wall_ns=ahead_ns), ahead_ns + 3600 * 10**9)
    assert [bool(sample.ills) for sample in watch.samples] == [False, True]


@pytest.fixture
def ring(tmp_path):
    ring = FrameRing.create(tmp_path, "0123abcd", "cam1", 64, 64)
    yield ring
    ring.close()


@pytest.mark.parametrize(
    ("arrived", "booked", "noticed"),
    [
        (3, 3, {}),
        (3, 2, {}),  # the camera worker has it in its hands
        pytest.param(4, 2, {"cam1": 1}, id="one was never booked"),
        pytest.param(2, 3, {"cam1": 1}, id="one was booked twice"),
    ],
)
def test_an_account_that_does_not_add_up_is_noticed(ring, arrived, booked, noticed):
    for _ in range(arrived):
        ring.note_arrival()
    for _ in range(booked):
        ring.drop(DropReason.RATE)
    watch = Watch(Verdict({}, []))
    watch.take_accounts({"cam1": ring.counts()})
    assert dict(watch.unaccounted) == noticed


def test_accounts_are_read_from_the_rings_that_are_there(tmp_path):
    settings = Settings(state=tmp_path)
    cameras: Any = {"cam1": None, "cam2": None}
    rig = Rig(tmp_path, settings, {}, cameras, SimpleNamespace(pid=0), tmp_path, own_file_system=False, clock=None)
    ring = FrameRing.create(FRAMES_FOLDER, instance_id(settings.state), "cam1", 64, 64)
    try:
        ring.drop(DropReason.RATE)
        assert rig.accounts() == {"cam1": ring.counts()}
    finally:
        ring.unlink()
        ring.close()


def test_what_is_left_of_a_daemon_is_found(tmp_path):
    instance = instance_id(tmp_path)
    with subprocess.Popen(["sleep", "60"]) as orphan, subprocess.Popen(["true"]) as dead:
        assert {orphan.pid, dead.pid} <= set(children_of(os.getpid()))
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)  # nobody has buried it
        ring = FrameRing.create(FRAMES_FOLDER, instance, "cam1", 64, 64)
        found = remains(instance, [orphan.pid, dead.pid])
        ring.unlink()
        ring.close()
        orphan.kill()
    assert found == [str(ring.path), f"process {orphan.pid}"]
    assert remains(instance, [orphan.pid, dead.pid]) == []


def test_ills_and_cores_are_counted_after_the_start():
    watch = Watch(Verdict({}, []))
    for at_s, spent_s in ((10, 9.0), (61, 20.0), (62, 20.5), (65, 1.5)):  # it was started anew before the last
        ills = (Ill("cam1", "stalled"),) if at_s in (10, 62) else ()
        watch.take_status(status(ills=ills), time.time_ns())
        watch.samples[-1].at_s, watch.samples[-1].cpu_s = at_s, {"vision": spent_s}
    told = judge(watch, rig_of_nothing(), 0, 0)
    assert (told.ills, told.cores) == ({"cam1 stalled": 1}, {"vision": 0.5})


def test_what_happens_after_the_count_is_not_taken_for_lost():
    watch = Watch(Verdict({}, []))
    watch.sequences += [1, 2, 4, 5, 6]
    assert judge(watch, rig_of_nothing(), 4, 0).lost == 1


def rig_of_nothing() -> Any:
    return SimpleNamespace(status=lambda: None, cameras={})


def report(**changes):
    figures = {
        **{"seconds": 600, "cameras": 1, "events": 3, "lost": 0, "doubled": 0, "out_of_order": 0},
        **{"deleted_by_retention": 0, "wrong_names": [], "identified": {"Ada": 2}, "unknown": {}, "latency_p50_ms": 40},
        **{
            "latency_p95_ms": 60,
            "captured": {},
            "analysed": {"a": 9},
            "dropped": {},
            "unaccounted": {},
            "restarts": {},
        },
        "restarts": {},
        **{"memory_growth_percent": {"vision": 9.0}, "memory_mb": {"<vision>": [(0, 100), (60, 101)]}},
        "latencies_ms": [(1, 40)],
        "faults": [FaultReport("reload", "", 20, 0, 1.5, "")],
    }
    return SoakReport(**figures | changes)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"lost": 1}, "1 events lost"),
        ({"doubled": 1}, "1 events doubled"),
        ({"out_of_order": 1}, "1 events out of order"),
        ({"deleted_by_retention": 1}, "1 events deleted, though no soak lasts for days"),
        ({"wrong_names": ["a was called b"]}, "1 wrong names"),
        ({"unaccounted": {"a": 2, "b": 1}}, "3 looks at accounts that did not add up"),
        ({"identified": {}}, "nobody was recognised"),
        ({"analysed": {"a": 0}}, "1 cameras that nobody looked at"),
        ({"analysed": {}}, "1 cameras that nobody looked at"),
        ({"faults": [FaultReport("reload", "", 20, 0, None, "")]}, "1 faults that nothing healed"),
        ({"left_behind": ["process 7"]}, "1 files or processes left behind"),
        ({"memory_growth_percent": {"vision": 11.0}}, "vision grew by 11.0 %"),
    ],
)
def test_a_soak_with_a_fault_of_ours_has_failed(fault, told):
    assert report().failures == []
    assert report(**fault).failures == [told]
    assert not report(**fault).passed


@pytest.mark.parametrize(
    "harmless",
    [
        {"seconds": 300, "memory_growth_percent": {"vision": 11.0}},  # too short to tell a leak from a start
        {"faults": [FaultReport("reload", "", 20, 0, None, "refused as it should be")]},
        {"faults": [FaultReport("reload", "", 590, 0, None, "")]},  # the soak ended first
    ],
)
def test_what_cannot_be_judged_fails_no_soak(harmless):
    assert report(**harmless).passed


def test_the_page_shows_the_figures_and_needs_nothing_from_elsewhere():
    text = page(report(), "deconvid bench soak")
    assert "Soak: passed" in text
    assert "&lt;vision&gt;" in text
    assert "http" not in text


@pytest.mark.parametrize("count", [0, 1, MOST_POINTS, MOST_POINTS + 1, 10 * MOST_POINTS])
def test_long_lines_are_thinned_evenly(count):
    line = [(float(n), 0.0) for n in range(count)]
    kept = thinned(line)
    assert len(kept) <= MOST_POINTS
    assert kept[:1] == line[:1]
    assert len({round(b[0] - a[0]) for a, b in pairwise(kept)}) <= 1


def test_the_record_is_json_and_says_what_was_used():
    recorded = json.loads(record(report(), "deconvid bench soak", ("deconv_v2",)))
    assert recorded["command"] == "deconvid bench soak"
    assert recorded["models"]["deconv_v2"]
    assert recorded["memory_mb"] == {"<vision>": [[0, 100], [60, 101]]}
    assert recorded["latencies_ms"] == [[1, 40]]


def test_a_calm_soak_takes_no_faults(tmp_path):
    result = CliRunner().invoke(app, ["bench", "soak", "--calm", "--faults", str(tmp_path / "faults.toml")])
    assert result.exit_code == 2
    assert "--faults" in result.output
