"""What can go wrong between a program and the bus.

BusError
├── NoAnswerError        nobody answers a request
├── RefusedError         the daemon answers that it will not do it
├── CursorAheadError     the program has seen more than the daemon's database holds
├── NewerDaemonError     the daemon writes events that this client cannot know
├── UnreadableError      bytes that are no event or no answer
└── KeyFileError         a key file that cannot be read or is none
"""


class BusError(Exception):
    """Says what happened, where, and what to do about it; never contains a key."""


class NoAnswerError(BusError):
    """Nobody answers a request in time."""


class RefusedError(BusError):
    """The daemon refuses a request and says why."""


class CursorAheadError(BusError):
    """The bus knows fewer events of this epoch than the program has seen."""


class NewerDaemonError(BusError):
    """The daemon writes events of a schema that came after this client."""


class UnreadableError(BusError):
    """Bytes that are no event or no answer."""


class KeyFileError(BusError):
    """A key file that cannot be read or is none."""
