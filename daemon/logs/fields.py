"""What a log record says: `stream_lost camera=%s error=%s` is the event `stream_lost` with two fields."""

import logging
import re
import sys

EVENT = re.compile(r"[a-z][a-z0-9_]*")
PLACES = re.compile(r"(?:(?P<key>\w+)=)?(?:(?P<spec>%[-#0 +]*\d*(?:\.\d+)?[a-zA-Z%])|(?P<word>[^\s%]+))")
"""`key=%s`, `%s`, `key=word`, and words without a key, which say nothing of their own."""


def event_of(record: logging.LogRecord) -> str:
    """Returns the name of the event; empty if the message begins with none, as those of libraries do."""
    first = str(record.msg).partition(" ")[0]
    return first if EVENT.fullmatch(first) else ""


def fields_of(record: logging.LogRecord) -> dict[str, str]:
    """Returns each `key=value`.

    Read from the template and its arguments, not from the finished text: a value may hold blanks and equals signs.
    """
    if not event_of(record) or not isinstance(record.args, tuple):
        return {}
    found, values = {}, iter(record.args)
    for place in PLACES.finditer(str(record.msg)):
        key, spec, word = place["key"], place["spec"], place["word"]
        if spec and spec != "%%":
            word = spec % (next(values),)
        if key and word:
            found[key] = word
    return found


def logger_of(record: logging.LogRecord) -> str:
    """Returns the logger's name; for a program run as `python -m daemon.workers.x` that one, not `__main__`."""
    if record.name != "__main__":
        return record.name
    spec = sys.modules["__main__"].__spec__
    return spec.name if spec else record.name
