import pytest

from config import CameraSettings, DeconvIDError, Settings
from daemon.errors import AlreadyRunningError, FrameRingError
from daemon.frames import FRAMES_FOLDER, FrameRing, instance_id
from daemon.house import House, socket_path_fault


@pytest.fixture
def settings(tmp_path):
    return Settings(state=tmp_path / "state", cameras={"door": CameraSettings(url="clip.mp4")})


def rings_of(settings):
    return list(FRAMES_FOLDER.glob(f"deconvid-{instance_id(settings.state)}-*"))


def test_a_second_daemon_is_refused_and_told_who_holds_the_folder(settings):
    with House.open(settings):
        with pytest.raises(AlreadyRunningError, match=r"another daemon \(pid \d+\)"), House.open(settings):
            pass
        assert len(rings_of(settings)) == 1
    with House.open(settings):
        pass


def test_two_daemons_may_not_share_their_sockets(settings, tmp_path):
    other = settings.model_copy(update={"state": tmp_path / "other", "runtime": settings.runtime_folder})
    with House.open(settings), pytest.raises(AlreadyRunningError, match="another daemon"), House.open(other):
        pass


def test_shared_memory_is_gone_afterwards(settings):
    with House.open(settings):
        assert len(rings_of(settings)) == 1
    assert rings_of(settings) == []


def test_settings_whose_rings_do_not_all_fit_change_no_ring(settings, monkeypatch):
    with House.open(settings) as house:
        before = [(ring, ring.stat().st_ino) for ring in rings_of(settings)]
        prepare = FrameRing.prepare

        def no_room_for_a_second_one(folder, instance, camera, *size):
            if camera == "yard":
                raise FrameRingError("no shared memory left")
            return prepare(folder, instance, camera, *size)

        monkeypatch.setattr(FrameRing, "prepare", no_room_for_a_second_one)
        cameras = {name: CameraSettings(url="clip.mp4", max_width_px=320) for name in ("door", "yard")}
        with pytest.raises(FrameRingError), house.prepared(settings.model_copy(update={"cameras": cameras})):
            pass
        assert [(ring, ring.stat().st_ino) for ring in rings_of(settings)] == before
        assert house.rings["door"].max_width != 320


def test_rings_that_were_prepared_in_vain_are_taken_back(settings):
    larger = settings.model_copy(update={"cameras": {"yard": CameraSettings(url="clip.mp4")}})
    with House.open(settings) as house:
        with pytest.raises(RuntimeError), house.prepared(larger):
            raise RuntimeError
        assert [path.name.rpartition("-")[2] for path in rings_of(settings)] == ["door"]


def test_a_ring_that_somebody_removed_is_missed(settings):
    with House.open(settings) as house:
        assert house.lost_ring() is None
        [ring] = rings_of(settings)
        ring.unlink()
        assert house.lost_ring() == ring


def test_what_a_killed_daemon_left_is_removed(settings):
    settings.state.mkdir()
    FrameRing.create(FRAMES_FOLDER, instance_id(settings.state), "gone", 640, 480).close()
    with House.open(settings):
        assert [path.name.rpartition("-")[2] for path in rings_of(settings)] == ["door"]


def test_folders_are_private(settings):
    with House.open(settings):
        assert settings.state.stat().st_mode & 0o077 == 0
        assert settings.runtime_folder.stat().st_mode & 0o077 == 0


def test_a_state_that_is_a_file_is_told(tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(DeconvIDError, match="Set `state`"), House.open(Settings(state=tmp_path / "state")):
        pass


def test_workers_that_receive_start_before_those_that_send(settings):
    with House.open(settings) as house:
        assert [plan.role for plan in house.plans()] == ["bus", "identity", "vision", "web", "camera"]


def test_the_vision_worker_never_learns_a_camera_password(tmp_path):
    camera = CameraSettings(url="rtsp://u:hunter2@127.0.0.1/x")
    with House.open(Settings(state=tmp_path / "state", cameras={"door": camera})) as house:
        tasks = {plan.role: str(plan.task) for plan in house.plans()}
    assert "hunter2" not in tasks["vision"] + tasks["identity"] + tasks["web"]
    assert "hunter2" not in tasks["camera"]


@pytest.mark.parametrize(("length", "fits"), [(107, True), (108, False)])
def test_a_socket_path_must_fit_its_address(length, fits):
    path = "/" + "x" * (length - 1)
    assert (socket_path_fault(f"ipc://{path}") is None) is fits
