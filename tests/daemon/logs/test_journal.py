import logging
import os
import socket
import sys

import pytest

from daemon.logs.journal import LONGEST_VALUE, JournalHandler, stderr_is_journal
from daemon.logs.redaction import Redactor


def parse(datagram):
    """The fields of a datagram, read as https://systemd.io/JOURNAL_NATIVE_PROTOCOL describes it."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + size], rest[8 + size + 1 :]
        fields[key.decode()] = value.decode()
        datagram = rest
    return fields


@pytest.fixture
def journal(tmp_path):
    """Stands where the journal's socket is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.settimeout(2)
        yield listener


@pytest.fixture
def handler(tmp_path):
    handler = JournalHandler("camera-door", Redactor(["hunter2"]), tmp_path / "socket")
    yield handler
    handler.close()


def make_record(template, *args, level=logging.WARNING, exc_info=None):
    return logging.LogRecord("daemon.streams", level, "/x/source.py", 7, template, args, exc_info, "read")


def test_a_record_becomes_fields(journal, handler):
    handler.handle(make_record("stream_lost camera=%s cause=%s", "door", "login hunter2 refused"))
    assert parse(journal.recv(65536)) == {
        "MESSAGE": "stream_lost camera=door cause=login *** refused",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "deconvid",
        "CODE_FILE": "/x/source.py",
        "CODE_LINE": "7",
        "CODE_FUNC": "read",
        "DECONVID_WORKER": "camera-door",
        "DECONVID_LOGGER": "daemon.streams",
        "DECONVID_EVENT": "stream_lost",
        "DECONVID_CAMERA": "door",
        "DECONVID_CAUSE": "login *** refused",
    }


def test_several_lines_cannot_forge_a_field(journal, handler):
    handler.handle(make_record("stream_lost cause=%s", "x\nPRIORITY=0\nMESSAGE=forged"))
    fields = parse(journal.recv(65536))
    assert fields["PRIORITY"] == "4"
    assert fields["DECONVID_CAUSE"] == "x\nPRIORITY=0\nMESSAGE=forged"


def test_a_traceback_is_in_the_message_without_its_secret(journal, handler):
    try:
        raise ValueError("hunter2")
    except ValueError:
        handler.handle(make_record("crashed", level=logging.CRITICAL, exc_info=sys.exc_info()))
    fields = parse(journal.recv(65536))
    assert "ValueError: ***" in fields["MESSAGE"]
    assert fields["PRIORITY"] == "2"


def test_a_huge_message_is_cut(journal, handler):
    handler.handle(make_record("x %s", "ä" * 1_000_000))
    assert len(parse(journal.recv(1 << 20))["MESSAGE"]) == LONGEST_VALUE


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (25, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2)],
)
def test_levels_are_syslogs(journal, handler, level, priority):
    handler.handle(make_record("x", level=level))
    assert parse(journal.recv(65536))["PRIORITY"] == str(priority)


def test_without_a_journal_it_is_told_on_stderr_in_the_way_that_journals_read(handler, capsys):
    handler.handle(make_record("stream_lost cause=%s", "hunter2\nsecond line"))
    assert capsys.readouterr().err == "<4>stream_lost cause=***\n<4>second line\n"


def test_stderr_is_the_journal_only_if_it_is_that_very_stream(tmp_path):
    with (tmp_path / "stream").open("w") as stream:
        found = os.fstat(stream.fileno())
        assert stderr_is_journal(f"{found.st_dev}:{found.st_ino}", stream.fileno())
        assert not stderr_is_journal(f"{found.st_dev}:{found.st_ino + 1}", stream.fileno())
        assert not stderr_is_journal("", stream.fileno())
    assert not stderr_is_journal("1:2", 9999)
