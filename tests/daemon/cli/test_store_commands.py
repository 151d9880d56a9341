"""`deconvid store`, `deconvid audit` and `deconvid people consent`."""

import base64
import json
import os
import secrets
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from daemon.store import Store
from tests.daemon.cli.commands import Deconvid, deconvid_on
from tests.daemon.factories import make_template, unit


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Ann, enrolled and closed."""
    with Store.open(tmp_path / "state" / "identities.sqlite") as store:
        store.people.enrol("Ann", make_template(unit(1)))
    return tmp_path / "state"


@pytest.fixture
def deconvid(state: Path, tmp_path: Path) -> Deconvid:
    return deconvid_on(tmp_path)


def test_consent_is_put_on_record_and_shown(deconvid: Deconvid) -> None:
    assert "without end" in deconvid("people", "consent", "Ann", "--basis", "contract", "--expires", "never").stdout
    result = deconvid("people", "consent", "Ann", "--basis", "signed", "--expires", "2999-12-31")
    assert result.stdout == "Ann: consent until 2999-12-31, signed\n"
    assert "consent: signed, until 2999-12-31" in deconvid("people", "show", "Ann").stdout
    assert json.loads(deconvid("people", "list", "--json").stdout)[0]["expires_at"] == "3000-01-01T00:00:00+00:00"
    deconvid("people", "consent", "Ann", "--basis", "signed", "--expires", "2020-02-29")
    assert "ran out on 2020-02-29" in deconvid("people", "list").stdout


def test_consent_needs_a_day_and_somebody(deconvid: Deconvid) -> None:
    result = deconvid("people", "consent", "Ann", "--basis", "signed", "--expires", "soon")
    assert result.exit_code == 2
    assert "2027-12-31" in result.output
    assert deconvid("people", "consent", "Eve", "--basis", "signed", "--expires", "never").exit_code == 1


def test_audit_tells_who_did_what(deconvid: Deconvid) -> None:
    deconvid("people", "consent", "Ann", "--basis", "signed", "--expires", "2999-12-31")
    first, second = json.loads(deconvid("audit", "list", "--json").stdout)
    assert (first["actor"], first["action"], first["subject"]) == ("program", "people.enrol", "person:1")
    assert second["actor"].startswith("cli:")
    assert second["detail"] == "until 3000-01-01T00:00Z"
    assert "people.consent" in deconvid("audit", "list", "-n", "1").stdout
    assert "Ann" not in deconvid("audit", "list").stdout


def test_audit_is_verified(deconvid: Deconvid, state: Path) -> None:
    verified = deconvid("audit", "verify")
    assert verified.exit_code == 0
    head = json.loads(deconvid("audit", "verify", "--json").stdout)["head"]
    assert verified.stdout == f"1 rows, unbroken; newest digest {head}\n"
    assert deconvid("audit", "verify", "--head", head).exit_code == 0
    with closing(sqlite3.connect(state / "identities.sqlite")) as database, database:
        database.execute("DROP TRIGGER audit_no_update")
        database.execute("UPDATE audit SET actor = 'nobody'")
    broken = deconvid("audit", "verify")
    assert (broken.exit_code, broken.stderr) == (1, "error: row 1 was changed\n")
    assert "✗ audit" in deconvid("store", "check").stdout


def test_store_is_checked(deconvid: Deconvid, state: Path) -> None:
    assert deconvid("store", "check").exit_code == 0
    (state / "master.key").unlink()
    result = deconvid("store", "check", "--json")
    assert result.exit_code == 1
    [fault] = [check["faults"][0] for check in json.loads(result.stdout) if check["faults"]]
    assert "cannot be read" in fault


def test_master_key_is_exchanged(deconvid: Deconvid, state: Path, tmp_path: Path) -> None:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    given = deconvid("store", "exchange-key", key)
    assert (given.exit_code, key in given.output) == (2, False)
    (tmp_path / "new.key").write_text(key)
    result = deconvid("store", "exchange-key", f"file:{tmp_path}/new.key")
    assert (result.exit_code, result.stdout) == (0, "1 key wrapped anew and checked\n")
    assert "privacy.master_key" in result.stderr
    assert "is not the one of this key ring" in deconvid("people", "show", "Ann").stderr
    (state / "master.key").write_text(key)
    assert deconvid("people", "show", "Ann").exit_code == 0
    assert "file: done, 1 keys" in deconvid("audit", "list").stdout


def test_a_name_that_is_no_text_is_told_with_a_question_mark(state: Path, tmp_path: Path) -> None:
    deconvid_on(tmp_path)
    words = ["store", "backup", os.fsencode(tmp_path) + b"/copy\xff", "-c", tmp_path / "config.toml"]
    done = subprocess.run(
        [sys.executable, "-m", "daemon.cli", *words],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},  # as in a locale such as en_US.UTF-8
    )
    assert (done.returncode, b"/copy?: " in done.stdout) == (0, True)


def test_backup_is_made_once_and_the_keys_apart(deconvid: Deconvid, tmp_path: Path) -> None:
    first = deconvid("store", "backup", tmp_path / "backup")
    assert first.exit_code == 0
    assert "--keys" in first.stderr
    again = deconvid("store", "backup", tmp_path / "backup")
    assert (again.exit_code, "exists already" in again.stderr) == (1, True)
    for name in ("second", "third"):
        assert deconvid("store", "backup", tmp_path / name, "--keys", tmp_path / "keys").stderr == ""
