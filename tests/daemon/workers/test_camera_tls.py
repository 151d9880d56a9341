"""Cameras that speak TLS (rtsps), and who they may be."""

from collections.abc import Iterator

import pytest
from rig.tls_front import tls_front

HOST = "127.0.0.1"
LOGIN = "viewer:hunter2hunter2@"


@pytest.fixture
def certificate(certify):
    """Of an authority that nobody knows, as most cameras have it."""
    return certify(HOST)


@pytest.fixture
def address(rtsp_camera, make_clip, certificate) -> Iterator[str]:
    camera = rtsp_camera(["--user=viewer", "--password=hunter2hunter2"], cam=make_clip())
    with tls_front(camera.port, certificate) as port:
        yield f"rtsps://{LOGIN}{HOST}:{port}/cam"


@pytest.mark.camera
@pytest.mark.parametrize("is_wanted", [False, True])
def test_a_certificate_will_do_that_nobody_knows_or_that_is_wanted(run_camera, address, certificate, is_wanted):
    run = run_camera(address, tls_authority=str(certificate.authority) if is_wanted else "")
    run.wait_for_frames(2)
    assert [change.state for change in run.states] == ["connecting", "streaming"]


@pytest.mark.camera
def test_a_camera_that_another_authority_vouches_for_is_told_no_password(run_camera, address, certify):
    run = run_camera(address, tls_authority=str(certify(HOST).authority))
    assert "tls_authority" in run.wait_for_state("backoff").detail
    assert run.frames == []
    assert "hunter2" not in run.log.read_text() + str(run.states)


@pytest.mark.camera
def test_a_certificate_of_another_host_is_not_the_camera(run_camera, rtsp_camera, make_clip, certify):
    certificate = certify("192.0.2.1")
    with tls_front(rtsp_camera(cam=make_clip()).port, certificate) as port:
        run = run_camera(f"rtsps://{HOST}:{port}/cam", tls_authority=str(certificate.authority))
        assert "names another host" in run.wait_for_state("backoff").detail


@pytest.mark.camera
def test_a_camera_without_tls_is_not_spoken_to_in_clear(run_camera, rtsp_camera, make_clip):
    run = run_camera(rtsp_camera(cam=make_clip()).url().replace("rtsp:", "rtsps:"))
    assert "speaks no TLS" in run.wait_for_state("backoff").detail
    assert run.frames == []
