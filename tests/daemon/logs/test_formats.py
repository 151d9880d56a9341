import json
import logging
import subprocess
import sys

import msgspec
import pytest

from config import LogSettings
from daemon.logs.formats import ConsoleFormatter, JsonFormatter
from daemon.logs.redaction import Redactor
from daemon.logs.setup import HowToLog

HIDE = Redactor(["hunter2"])


def make_record(template, *args):
    return logging.LogRecord("daemon.x", logging.WARNING, "x.py", 1, template, args, None)


def test_a_line_names_the_worker_and_the_module():
    line = ConsoleFormatter("camera-door", HIDE, stamped=False).format(make_record("lost cause=%s", "hunter2"))
    assert line == "W camera-door daemon.x: lost cause=***"


def test_nobody_writes_a_second_line_or_steers_the_terminal():
    line = ConsoleFormatter("x", HIDE, stamped=False).format(make_record("lost %s", "a\n\x1b[2Jb\u2028c\x9b\r"))
    assert line == r"W x daemon.x: lost a\n\x1b[2Jb\u2028c\x9b\r"


def test_an_object_a_line():
    text = JsonFormatter("camera-door", HIDE).format(make_record("lost camera=%s cause=%s", "door", 'a\n"hunter2"'))
    assert "\n" not in text
    said = json.loads(text)
    assert said["fields"] == {"camera": "door", "cause": 'a\n"***"'}
    assert (said["event"], said["level"], said["worker"]) == ("lost", "warning", "camera-door")
    assert said["time"].endswith("+00:00")


PROGRAM = """
import logging, sys
from daemon.workers.logs import set_up_worker_logging
set_up_worker_logging("vision", ["hunter2"])
logger = logging.getLogger("daemon.x")
logger.debug("detail")
logger.info("seen faces=%d", "hunter2, which is no number")
for _ in range(5):
    logger.info("seen faces=%d", 3)
raise RuntimeError("hunter2")
"""


@pytest.fixture
def run_worker():
    def run(settings):
        environment = {"DECONVID_LOG": settings.model_dump_json()}
        done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment)
        assert "hunter2" not in done.stderr + done.stdout
        return done.stderr

    return run


def test_a_worker_logs_as_its_supervisor_was_told(run_worker):
    log = run_worker(LogSettings(level="debug", repeats=2))
    assert "D vision daemon.x: detail" in log
    assert log.count("seen faces=3") == 2 + 1, "the summary quotes the first"
    assert "left_out=3" in log
    assert "RuntimeError: ***" in log


def test_what_is_not_said_to_a_worker_is_as_in_the_settings():
    assert HowToLog() == msgspec.convert(LogSettings().model_dump(), HowToLog)


def test_json_is_the_only_thing_on_stderr(run_worker):
    said = [json.loads(line) for line in run_worker(LogSettings(format="json")).splitlines()]
    assert said[-1]["event"] == "worker_crashed"
    assert "RuntimeError: ***" in said[-1]["exception"]
