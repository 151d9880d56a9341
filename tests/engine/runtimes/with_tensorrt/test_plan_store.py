"""A plan comes back only for its own key, unaltered, and if nobody else may have written it."""

import json
import os
import tempfile
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.errors import PlanError
from engine.runtimes.tensorrt.plans import ForeignPlanError, PlanKey, PlanStore

KEY = PlanKey("ab" * 32, "trt", "11.4.0", "NVIDIA H100", "9.0", "crops", (1, 8))
OTHERS = {
    "network": "cd" * 32,
    "flavour": "rtx",
    "version": "11.4.1",
    "gpu": "NVIDIA L4",
    "sm": "8.9",
    "input": "other crops",
    "sizes": (1, 8, 32),
    "precision": "fp32",
    "format": 0,
}


@pytest.fixture
def store(tmp_path):
    return PlanStore(tmp_path / "state" / "plans")


def test_every_part_of_a_key_makes_another_plan(store):
    assert set(OTHERS) == {field.name for field in fields(PlanKey)}
    store.write(KEY, b"plan", 1.0, 2.0)
    for name, value in OTHERS.items():
        assert store.read(replace(KEY, **{name: value})) is None
    assert store.read(KEY) == b"plan"


def test_an_empty_folder_has_no_plan_and_is_not_made(store):
    assert store.read(KEY) is None
    assert store.records() == []
    assert store.clear() == 0
    assert not store.folder.exists()


def test_what_is_stored_is_for_its_owner_alone(store):
    store.write(KEY, b"plan", 1.0, 2.0)
    store.write_kernels(KEY, b"kernels")
    assert {path.stat().st_mode & 0o777 for path in store.folder.iterdir()} == {0o600}
    assert store.folder.stat().st_mode & 0o777 == 0o700


def test_a_record_says_how_a_plan_came_about(store):
    store.write(KEY, b"plan", 0.9995, 12.345)
    [record] = store.records()
    assert (record.key, record.least_cosine, record.seconds) == (KEY, 0.9995, 12.3)


@pytest.mark.parametrize(
    "damage", ["altered", "cut", "no sidecar", "foreign sidecar", "sidecar of rubbish", "writable"]
)
def test_a_plan_that_cannot_be_trusted_is_deleted_and_a_new_one_taken(store, damage, caplog):
    store.write(KEY, b"plan", 1.0, 2.0)
    plan, sidecar = store.folder / f"{KEY.name}.plan", store.folder / f"{KEY.name}.json"
    match damage:
        case "altered":
            plan.write_bytes(b"plaN")
        case "cut":
            plan.write_bytes(b"pla")
        case "no sidecar":
            sidecar.unlink()
        case "foreign sidecar":
            known = json.loads(sidecar.read_text())
            known["key"]["gpu"] = "another"
            sidecar.write_text(json.dumps(known))
        case "sidecar of rubbish":
            sidecar.write_bytes(b"\xff{")
        case "writable":
            plan.chmod(0o666)
    assert store.read(KEY) is None
    assert "plan_refused" in caplog.text
    assert list(store.folder.glob("*.plan")) == []
    store.write(KEY, b"new", 1.0, 2.0)
    assert store.read(KEY) == b"new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_plan_of_somebody_else_is_not_run_and_stays(store):
    store.write(KEY, b"plan", 1.0, 2.0)
    os.chown(store.folder / f"{KEY.name}.plan", 12345, 12345)
    assert store.read(KEY) is None
    with pytest.raises(ForeignPlanError, match="another user"):
        store.trusted(KEY)


def test_kernels_that_others_may_write_are_refused(store):
    store.write(KEY, b"plan", 1.0, 2.0)
    store.write_kernels(KEY, b"kernels")
    assert store.read_kernels(KEY) == b"kernels"
    (store.folder / f"{KEY.name}.jit").chmod(0o622)
    assert store.read_kernels(KEY) is None


def test_a_folder_that_cannot_be_written_is_a_plan_error(tmp_path):
    (tmp_path / "plans").write_bytes(b"a file")
    with pytest.raises(PlanError, match="cannot be stored"):
        PlanStore(tmp_path / "plans").write(KEY, b"plan", 1.0, 2.0)


def test_nothing_half_written_stays_behind(store):
    store.write(KEY, b"plan", 1.0, 2.0)
    assert sorted(path.suffix for path in store.folder.iterdir()) == [".json", ".plan"]


class Lives(RuleBasedStateMachine):
    """Whatever happens to the files, a plan that comes back is the last one written for its key."""

    keys = (KEY, replace(KEY, gpu="another"), replace(KEY, sizes=(1,)))

    def __init__(self):
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.store, self.known = PlanStore(Path(self.place.name) / "plans"), {}

    @rule(key=st.sampled_from(keys), plan=st.binary(min_size=1, max_size=8))
    def write(self, key, plan):
        self.store.write(key, plan, 1.0, 0.0)
        self.known[key] = plan

    @rule(key=st.sampled_from(keys), ending=st.sampled_from(["plan", "json"]), data=st.binary(max_size=8))
    def overwrite(self, key, ending, data):
        if (path := self.store.folder / f"{key.name}.{ending}").exists():
            path.write_bytes(data)

    @rule(key=st.sampled_from(keys), other=st.sampled_from(keys), ending=st.sampled_from(["plan", "json"]))
    def swap(self, key, other, ending):
        first, second = (self.store.folder / f"{k.name}.{ending}" for k in (key, other))
        if key != other and first.exists():
            second.write_bytes(first.read_bytes())

    @rule()
    def clear(self):
        self.store.clear()
        self.known.clear()
        assert self.store.records() == []

    @invariant()
    def only_what_was_written_comes_back(self):
        for key in self.keys:
            assert self.store.read(key) in (None, self.known.get(key))

    def teardown(self):
        self.place.cleanup()


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
