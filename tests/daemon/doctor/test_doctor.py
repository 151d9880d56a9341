import base64
import socket
import time

import pytest
from rig.statuses import make_status

from config import CameraSettings, PrivacySettings, Settings, WebSettings
from daemon.doctor import examine
from daemon.doctor.cameras import examine_cameras
from daemon.doctor.decoders import examine_decoders, judge_accelerator
from daemon.doctor.folders import examine_folders
from daemon.doctor.keys import examine_keys
from daemon.doctor.machine import _clock, _memory, _processor, _python, examine_machine
from daemon.doctor.ports import examine_ports
from daemon.doctor.runtimes import FLAVOURS, GPU, IMPORT, TENSORRT, Probed, judge, probe
from daemon.operations.status import write_status
from daemon.store import Store
from daemon.streams.accelerators import find_lack


def states(findings):
    findings = list(findings)
    for finding in findings:
        assert bool(finding.fix) is (finding.state != "ok"), finding
    return {finding.subject: finding.state for finding in findings}


def test_this_machine_can_run_it():
    assert "fail" not in states([*examine_machine(), *examine_decoders()]).values()


@pytest.mark.parametrize(("version", "state"), [((3, 10), "fail"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "fail")])
def test_python_must_be_one_that_it_supports(version, state):
    assert _python(version).state == state


@pytest.mark.parametrize(
    ("cpuinfo", "cores", "state"),
    [
        ("model name\t: X\nflags\t\t: sse avx2 fma\n", 4, "ok"),
        ("model name\t: X\nflags\t\t: sse avx\n", 4, "warn"),
        ("Features\t: fp asimd\n", 4, "ok"),
        ("flags\t\t: avx2\n", 1, "warn"),
        ("", 2, "warn"),
    ],
)
def test_a_slow_processor_is_told(cpuinfo, cores, state):
    assert _processor(cpuinfo, cores).state == state


def test_little_memory_is_told():
    assert _memory("MemAvailable:    2000000 kB\n").state == "ok"
    assert _memory("MemAvailable:     200000 kB\n").state == "warn"


@pytest.mark.parametrize(
    ("kernel", "now", "state"), [(0, 2e9, "ok"), (5, 2e9, "warn"), (-1, 2e9, "warn"), (0, 0, "fail")]
)
def test_a_clock_that_runs_free_is_told(kernel, now, state):
    assert _clock(kernel, now).state == state


@pytest.mark.parametrize(
    ("script", "state"),
    [
        ([IMPORT, "json"], "ready"),
        ([IMPORT, "no_such_package"], "not installed"),
        (["import os; os.abort()"], "crashes"),
        (["print('not json')"], "crashes"),
    ],
)
def test_a_probe_survives_whatever_it_probes(script, state):
    assert probe(script).state == state


def test_libraries_that_are_missing_are_told_apart_from_a_package_that_is(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text("raise ImportError('libnvonnxparser.so.11: cannot open shared object file')")
    (tmp_path / "halved.py").write_text("import its_other_half")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert probe([IMPORT, "broken"]).state == "libraries missing"
    assert probe([IMPORT, "halved"]).state == "libraries missing"


def test_the_gpu_is_told_whether_there_is_one_or_not():
    assert probe([GPU]).state in ("ready", "no driver", "no GPU")


@pytest.mark.parametrize("flavour", FLAVOURS.values())
def test_tensorrt_is_examined_in_a_process_of_its_own(flavour):
    found = probe([TENSORRT, flavour])
    assert found.state != "crashes"
    assert bool(found.fix) == (found.state != "ready")


@pytest.mark.parametrize(
    ("gpu", "tensorrt", "state", "says"),
    [
        ("no driver", "not installed", "ok", "optional"),
        ("ready", "not installed", "ok", "pip install"),
        ("no GPU", "no GPU", "ok", "no GPU, so it cannot run"),
        ("no driver", "libraries missing", "ok", "no driver, so it cannot run"),
        ("ready", "libraries missing", "warn", "libnvinfer"),
        ("ready", "crashes", "warn", "crashes"),
        ("no driver", "crashes", "warn", "crashes"),
        ("ready", "GPU not supported", "warn", "GPU not supported"),
        ("ready", "ready", "ok", "ready"),
    ],
)
def test_tensorrt_is_optional_but_must_be_whole(gpu, tensorrt, state, says):
    ready = Probed("ready", "1.0")
    found = dict.fromkeys(("openvino", "onnxruntime", "tensorrt-rtx"), ready)
    findings = list(
        judge(found | {"gpu": Probed(gpu, "x"), "tensorrt": Probed(tensorrt, "libnvinfer", "Run `pip install`")})
    )
    [finding] = [finding for finding in findings if finding.subject == "tensorrt"]
    assert (finding.state, says in finding.detail) == (state, True)
    states(findings)


def test_folders_that_others_can_read_are_told_with_the_command(tmp_path):
    settings = Settings(state=tmp_path, runtime=tmp_path / "later")
    tmp_path.chmod(0o755)
    settings.database.touch(0o644)
    found = {finding.subject: finding for finding in examine_folders(settings, tmp_path)}
    assert found["state"].fix == f"chmod 700 {tmp_path}"
    assert found["database"].fix == f"chmod 600 {settings.database}"
    assert found["runtime"].state == "ok"


def test_shared_memory_must_hold_every_camera(tmp_path):
    def judged(count, **limits):
        cameras = {f"c{n}": CameraSettings(url="a.mp4", **limits) for n in range(count)}
        return states(examine_folders(Settings(state=tmp_path, cameras=cameras), tmp_path))["shared memory"]

    assert judged(1) == "ok"
    assert judged(100_000) == "fail"
    assert states(examine_folders(Settings(state=tmp_path), tmp_path / "none"))["shared memory"] == "fail"


def test_a_taken_port_is_told_unless_the_daemon_has_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = Settings(state=tmp_path, web=WebSettings(listen=listen))
        assert states(examine_ports(settings)) == {"web.listen": "fail"}
        settings.runtime_folder.mkdir()
        write_status(settings.runtime_folder, make_status(written_wall_ns=time.time_ns()))
        assert states(examine_ports(settings)) == {"web.listen": "ok"}
    assert states(examine_ports(Settings(state=tmp_path, web=WebSettings(listen="")))) == {}


def test_cameras_are_opened_at_once_and_none_is_waited_for_long(make_clip):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cameras = {
            "file": CameraSettings(url=str(make_clip())),
            "dead": CameraSettings(url="rtsp://viewer:hunter2@127.0.0.1:1/x"),
            **{
                f"silent{n}": CameraSettings(
                    url=f"rtsp://viewer:hunter2@127.0.0.1:{silent.getsockname()[1]}/x",
                    open_timeout_s=1,
                    read_timeout_s=1,
                )
                for n in range(4)
            },
        }
        started = time.monotonic()
        findings = list(examine_cameras(cameras))
        assert time.monotonic() - started < 8
    assert states(findings) == dict.fromkeys(cameras, "fail") | {"file": "ok"}
    assert "hunter2" not in str(findings)


@pytest.mark.parametrize(
    ("probed", "state", "says"),
    [
        (Probed("ready", ""), "ok", "hwaccel may be cuda"),
        (Probed("no driver", "cuda cannot be opened"), "ok", "optional"),
        (Probed("crashes", "exit code -11"), "warn", "exit code -11"),
    ],
)
def test_a_gpu_is_optional_but_must_not_crash_who_tries_it(probed, state, says):
    found = judge_accelerator("cuda", probed)
    assert states([found]) == {"cuda": state}
    assert says in found.detail


def test_a_camera_that_is_not_decoded_as_its_settings_want_is_told(make_clip):
    lack = find_lack("cuda")
    cameras = {wanted: CameraSettings(url=str(make_clip()), hwaccel=wanted) for wanted in ("none", "auto", "cuda")}
    findings = list(examine_cameras(cameras))
    assert states(findings) == {"none": "ok", "auto": "ok", "cuda": "warn" if lack else "ok"}
    told = {finding.subject: finding for finding in findings}
    assert "decoded by" in told["auto"].detail
    assert "decoded by" not in told["none"].detail
    assert lack.endswith(told["cuda"].fix)


@pytest.mark.camera
def test_the_main_stream_is_opened_too_and_compared(rtsp_camera, make_clip):
    clips = {"small": make_clip(), "wide": make_clip(width=640, height=360), "large": make_clip(width=640, height=480)}
    camera = rtsp_camera(["--user=viewer", "--password=hunter2"], **clips)

    def judged(small: str, main: str) -> list[tuple[str, str]]:
        url, main_url = camera.url(small), camera.url(main)
        door = CameraSettings(url=url, main_url=main_url, username="viewer", password="hunter2", open_timeout_s=6)
        findings = list(examine_cameras({"door": door}))
        states(findings)
        assert "hunter2" not in str(findings)
        return sorted((finding.subject, f"{finding.state} {finding.detail}".split(",")[0]) for finding in findings)

    small = ("door", "ok 320x240 h264")
    assert judged("small", "large") == [small, ("door main_url", "ok 640x480 h264")]
    assert judged("small", "wide") == [
        small,
        ("door main_url", "ok 640x360 h264"),
        ("door main_url", "warn its aspect ratio is 1.78"),
    ]
    assert judged("large", "small") == [
        ("door", "ok 640x480 h264"),
        ("door main_url", "ok 320x240 h264"),
        ("door main_url", "warn 320x240 is not larger than 640x480"),
    ]
    assert judged("small", "none") == [small, ("door main_url", "fail not_found: the camera has no such stream")]


def test_a_configuration_that_cannot_be_read_does_not_end_the_examination(tmp_path):
    (tmp_path / "config.toml").write_text("nonsense = 1\n[cameras.door]\nurl = '/missing.mp4'\n")
    found = list(examine(tmp_path / "config.toml"))
    assert {"nonsense", "door"} <= {finding.subject for finding in found if finding.state == "fail"}
    missing = list(examine(tmp_path / "none.toml", with_cameras=False))
    assert [finding.area for finding in missing if finding.state == "fail"] == ["configuration"]


def test_keys_that_are_not_made_yet_are_no_fault(tmp_path):
    assert states(examine_keys(Settings(state=tmp_path))) == {"master key": "ok"}


def test_master_key_beside_the_data_is_told_with_what_it_protects_from(tmp_path):
    settings = Settings(state=tmp_path)
    Store.of(settings, "test").close()
    findings = list(examine_keys(settings))
    assert states(findings) == {"master key": "warn", "key ring": "ok"}
    assert "backups" in findings[0].detail
    (tmp_path / "master.key").chmod(0o644)
    assert states(examine_keys(settings)) == {"master key": "fail", "key ring": "ok"}
    (tmp_path / "master.key").unlink()
    assert states(examine_keys(settings)) == {"master key": "fail", "key ring": "fail"}


def test_master_key_apart_from_the_data_is_well(tmp_path, monkeypatch):
    key = base64.b64encode(bytes(range(32))).decode()
    (tmp_path / "master.key").write_text(key)
    (tmp_path / "master.key").chmod(0o600)
    monkeypatch.setenv("KEY", key)
    for reference in (f"file:{tmp_path}/master.key", "env:KEY"):
        settings = Settings(state=tmp_path / "state", privacy=PrivacySettings(master_key=reference))
        Store.of(settings, "test").close()
        assert states(examine_keys(settings)) == {"master key": "ok", "key ring": "ok"}
    (tmp_path / "state" / "keyring.sqlite").unlink()
    assert states(examine_keys(settings)) == {"master key": "ok", "key ring": "fail"}


def test_credential_is_not_looked_for_outside_of_the_service(tmp_path):
    settings = Settings(state=tmp_path, privacy=PrivacySettings(master_key="credential:master.key"))
    Store.open(settings.database).close()
    assert states(examine_keys(settings)) == {"master key": "ok", "key ring": "ok"}
