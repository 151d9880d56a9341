import logging

import pytest

from daemon.logs.fields import event_of, fields_of, logger_of


def record(template, *args, name="daemon.x"):
    return logging.LogRecord(name, logging.INFO, "x.py", 1, template, args, None)


def test_each_value_is_whole_whatever_is_in_it():
    said = record("stream_lost camera=%s cause=%s retry_s=%.1f", "door", "no answer, code=5 %s", 1.25)
    assert event_of(said) == "stream_lost"
    assert fields_of(said) == {"camera": "door", "cause": "no answer, code=5 %s", "retry_s": "1.2"}


@pytest.mark.parametrize(
    ("template", "args", "fields"),
    [
        ("worker_killed worker=%s reason=did_not_stop", ("vision",), {"worker": "vision", "reason": "did_not_stop"}),
        ("frames camera=%s captured=%d %s", ("door", 3, "dropped_rate=1"), {"camera": "door", "captured": "3"}),
        ("load_high percent=%5.1f%% cores=%d", (3.0, 2), {"percent": "  3.0", "cores": "2"}),
        ("ready", (), {}),
        ("Context impl %s of library=%s.", ("SQLiteImpl", "x"), {}),
    ],
)
def test_fields_of_a_message(template, args, fields):
    said = record(template, *args)
    assert fields_of(said) == fields
    assert said.getMessage()


def test_a_message_that_is_no_event_has_no_name():
    assert event_of(record("Context impl SQLiteImpl.")) == ""


def test_a_program_is_named_by_its_module():
    assert logger_of(record("x")) == "daemon.x"
    assert logger_of(record("x", name="__main__")) == "pytest.__main__"
