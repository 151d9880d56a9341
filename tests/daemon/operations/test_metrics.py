import pytest
from prometheus_client.parser import text_string_to_metric_families
from rig.statuses import AN_HOUR_AGO_NS, NOW_NS, make_camera, make_status, make_worker

from daemon.operations.metrics import CAMERA_STATES, render_metrics


def samples(status, now_ns=NOW_NS):
    """Every sample by name and labels, as Prometheus' own parser reads them."""
    text = render_metrics(status, now_ns).decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_frame_is_accounted_for():
    found = samples(make_status())
    camera = ("camera", "door")
    assert found["deconvid_frames_captured_total", camera] == 120
    assert found["deconvid_frames_analysed_total", camera] == 58
    assert found["deconvid_frames_in_flight", camera] == 2
    assert found["deconvid_frames_dropped_total", camera, ("reason", "rate")] == 59


def test_a_camera_is_in_one_state():
    found = samples(make_status(cameras=(make_camera(state="auth_failed"),)))
    states = {key[2][1]: value for key, value in found.items() if key[0] == "deconvid_camera_state"}
    assert states == dict.fromkeys(CAMERA_STATES, 0) | {"auth_failed": 1}
    assert found["deconvid_camera_state_seconds", ("camera", "door")] == 3600


def test_a_worker_is_measured():
    found = samples(make_status(workers=(make_worker(restarts=3, state="restarting", memory_bytes=7, cpu_s=1.5),)))
    labels = (("role", "vision"), ("worker", "vision"))
    assert found["deconvid_worker_restarts_total", *labels] == 3
    assert found["deconvid_worker_up", *labels] == 0
    assert found["deconvid_worker_memory_bytes", *labels] == 7
    assert found["deconvid_worker_cpu_seconds_total", *labels] == 1.5


def test_what_a_worker_counts_is_a_metric_of_its_role():
    found = samples(make_status())
    assert found["deconvid_vision_looks_total", ("worker", "vision")] == 58
    assert found["deconvid_vision_crops_total", ("kind", "embedded"), ("worker", "vision")] == 20
    assert found["deconvid_identity_decisions_total", ("kind", "identified"), ("worker", "identity")] == 3


def test_buckets_of_a_histogram_add_up_in_seconds():
    found = samples(make_status())
    worker = ("worker", "identity")
    buckets = {key[1][1]: value for key, value in found.items() if key[0] == "deconvid_identity_latency_seconds_bucket"}
    assert buckets == {"0.01": 1, "0.05": 3, "+Inf": 6}
    assert found["deconvid_identity_latency_seconds_count", worker] == 6
    assert found["deconvid_identity_latency_seconds_sum", worker] == pytest.approx(0.4)


def test_workers_of_one_role_share_a_metric():
    workers = tuple(make_worker(f"bridge-{name}", "bridge", counters={"sent": 1}) for name in ("mqtt", "hook"))
    found = samples(make_status(workers=workers))
    assert {key for key in found if key[0] == "deconvid_bridge_sent_total"} == {
        ("deconvid_bridge_sent_total", ("worker", "bridge-mqtt")),
        ("deconvid_bridge_sent_total", ("worker", "bridge-hook")),
    }


def test_a_count_with_a_strange_name_cannot_break_the_rest():
    strange = {'a"b\n{}': 1, "": 2, "Größe": 3, "x.y.z": 4, "looks": 5}
    found = samples(make_status(workers=(make_worker(counters=strange, gauges=strange),)))
    assert found["deconvid_vision_looks_total", ("worker", "vision")] == 5
    assert found["deconvid_vision_x_total", ("kind", "y.z"), ("worker", "vision")] == 4


def test_without_a_status_only_that_is_told():
    assert samples(None) == {("deconvid_status_readable",): 0}


def test_a_clock_that_was_set_back_gives_no_negative_age():
    assert samples(make_status(), now_ns=AN_HOUR_AGO_NS)["deconvid_status_age_seconds",] == 0
