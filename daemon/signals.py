"""What the supervisor is told by signals. A handler only leaves a note; the loop acts on it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None]

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Signals:
    def __init__(self) -> None:
        self.stop: signal.Signals | None = None
        """The one that asked for the end."""
        self._reload = False

    def take_reload(self) -> bool:
        """Returns whether a reload was asked for since the last call."""
        asked, self._reload = self._reload, False
        return asked

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Notes signals until the block ends.

        SIGHUP asks for a reload; from a terminal, where it tells that the terminal was closed, for the end. Under
        nohup, which ignores it, it stays ignored.
        """
        handlers: dict[signal.Signals, Handler] = dict.fromkeys(STOP_SIGNALS, self._note_stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            handlers[signal.SIGHUP] = self._note_stop if has_terminal() else self._note_reload
        previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _note_stop(self, number: int, _frame: FrameType | None) -> None:
        self.stop = signal.Signals(number)

    def _note_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload = True


def has_terminal() -> bool:
    """Whether this process has a controlling terminal; a service has none."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY))
    except OSError:
        return False
    return True
