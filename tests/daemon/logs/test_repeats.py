import logging

from hypothesis import given
from hypothesis import strategies as st

from daemon.logs.repeats import MOST_SUBJECTS, RepeatLimit


class Kept(logging.Handler):
    def __init__(self):
        super().__init__()
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


class Log:
    """A limit of 2 in 10 s, and a clock to turn."""

    def __init__(self):
        self.now, self.kept = 0.0, Kept()
        self.limit = RepeatLimit(self.kept, 2, 10, lambda: self.now)

    def say(self, template, *args):
        self.limit.handle(logging.LogRecord("daemon.x", logging.WARNING, "x.py", 1, template, args, None))

    def said(self):
        said, self.kept.messages = self.kept.messages, []
        return said


def test_the_first_are_written_and_the_rest_are_counted():
    log = Log()
    for number in range(5):
        log.say("lost camera=%s n=%d", "door", number)
    assert log.said() == ["lost camera=door n=0", "lost camera=door n=1"]
    log.now = 10
    log.say("lost camera=%s n=%d", "door", 5)
    summary, again = log.said()
    assert summary == "log_repeated event=lost left_out=3 window_s=10 first=lost camera=door n=0"
    assert again == "lost camera=door n=5"


def test_one_camera_does_not_hide_another():
    log = Log()
    for camera in ("door",) * 5 + ("yard",):
        log.say("lost camera=%s", camera)
    assert log.said()[-1] == "lost camera=yard"


def test_another_message_brings_the_summary():
    log = Log()
    for _ in range(3):
        log.say("lost camera=%s", "door")
    log.said()
    log.now = 11
    log.say("ready")
    assert [line.split()[0] for line in log.said()] == ["log_repeated", "ready"]


def test_the_end_brings_the_summary():
    log = Log()
    for _ in range(3):
        log.say("lost")
    log.said()
    log.limit.close()
    assert "left_out=1" in log.said()[0]


def test_memory_is_bounded():
    log = Log()
    for number in range(3 * MOST_SUBJECTS):
        log.say("lost camera=%s", number)
    assert len(log.limit._windows) <= MOST_SUBJECTS


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=60))
def test_every_message_is_written_or_counted(steps):
    log = Log()
    for camera, wait_s in steps:
        log.now += wait_s
        log.say("lost camera=%s", camera)
    log.limit.close()
    said = log.said()
    left_out = sum(int(line.split("left_out=")[1].split()[0]) for line in said if line.startswith("log_repeated"))
    assert sum(line.startswith("lost") for line in said) + left_out == len(steps)
