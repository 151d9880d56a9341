"""`deconvid engines` on a machine without a GPU: what is stored is listed, checked and deleted all the same."""

import json
import os

import pytest

from config import Settings
from engine.manifests import find_model
from engine.runtimes.tensorrt.plans import PlanKey, PlanStore
from engine.runtimes.tensorrt.states import find_state
from tests.daemon.cli.commands import Deconvid, deconvid_on

MODEL = Settings().embedding.model


@pytest.fixture
def engines(tmp_path) -> Deconvid:
    return deconvid_on(tmp_path, "engines")


@pytest.fixture
def key() -> PlanKey:
    return PlanKey(find_model(MODEL).sha256, "trt", "11.4.0", "NVIDIA H100", "9.0", "crops", (1, 8))


@pytest.fixture
def store(tmp_path, key) -> PlanStore:
    store = PlanStore(tmp_path / "state" / "plans")
    store.write(key, b"plan", 0.99987, 42.0)
    return store


def test_an_empty_list_is_no_error(engines):
    assert json.loads(engines("list", "--json").stdout) == []


def test_a_plan_is_listed_with_its_model_and_whether_it_is_used(engines, store):
    [plan] = json.loads(engines("list", "--json").stdout)
    assert (plan["model"], plan["tensorrt"], plan["gpu"]) == (MODEL, "trt 11.4.0", "NVIDIA H100 (9.0)")
    assert (plan["cosine"], plan["batches"], plan["used"]) == (0.99987, "1 8", False)
    assert f"{MODEL}\ttrt 11.4.0" in engines("list").stdout


def test_a_sound_plan_of_another_gpu_is_verified_by_its_files(engines, store):
    done = engines("verify")
    assert (done.exit_code, "as it was built" in done.stdout) == (0, True)


def test_a_damaged_plan_is_told_deleted_and_fails(engines, store, key):
    (store.folder / f"{key.name}.plan").write_bytes(b"other")
    done = engines("verify")
    assert (done.exit_code, "damaged" in done.stdout) == (1, True)
    assert store.records() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_verifies_the_services_plans_without_running_or_deleting_them(engines, store, key):
    os.chown(store.folder / f"{key.name}.plan", 12345, 12345)
    done = engines("verify")
    assert (done.exit_code, "nobody but their owner" in done.stdout) == (0, True)
    assert [record.key for record in store.records()] == [key]


def test_clear_deletes_everything(engines, store):
    assert "1 plan deleted" in engines("clear").stdout
    assert store.records() == []
    assert "0 plans deleted" in engines("clear").stdout


@pytest.mark.skipif(any(find_state(name).state == "ready" for name in ("trt", "rtx")), reason="TensorRT is ready here")
def test_a_build_that_cannot_be_says_what_is_missing(engines):
    done = engines("build")
    assert done.exit_code == 1
    assert "TensorRT cannot be used here" in done.stderr


def test_an_unknown_model_is_told(engines):
    done = engines("build", "nobody")
    assert (done.exit_code, "'nobody' is unknown" in done.stderr) == (1, True)
