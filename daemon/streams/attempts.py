"""One attempt after the other at a camera: knock, open, read, until it ends."""

from collections.abc import Callable

from daemon.streams.backoff import Retries
from daemon.streams.faults import SourceError
from daemon.streams.knocking import Knocker
from daemon.streams.source import Source
from daemon.workers.task import CameraTask


class Attempts:
    """At one stream of a camera."""

    def __init__(self, task: CameraTask) -> None:
        self._task = task
        self._knocker = Knocker(task.address, task.open_timeout_s) if task.kind == "rtsp" else None
        self._retries = Retries()

    def attempt(self, read: Callable[[Source], None], answered: Callable[[], None]) -> SourceError:
        """Reads for as long as the camera can be read; returns what ended it.

        Args:
            read: reads it while it is open.
            answered: is called when somebody is there, before it is opened, which may take long.
        """
        self._retries.began()
        try:
            if self._knocker:
                self._knocker.knock()
            self._retries.answered()
            answered()
            with Source.open(self._task) as source:
                self._retries.opened()
                read(source)
        except SourceError as error:
            return error
        return SourceError("backoff", "the camera ended the connection")

    def wait_s(self, fault: SourceError) -> float:
        """Returns the seconds to wait after an attempt that ended so."""
        return self._retries.failed(fault)
