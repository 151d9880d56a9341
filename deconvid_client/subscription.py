"""What the blocking and the asynchronous subscriber have in common."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

from deconvid_client.event import Cursor, Filter
from deconvid_client.keys import KeyFile
from deconvid_client.session import After, Session
from deconvid_client.sockets import Address


class Subscription:
    """A place in the sequence of a daemon's events, and the sockets to go on from there."""

    def __init__(
        self,
        endpoint: str | None = None,
        requests: str | None = None,
        *,
        kinds: Sequence[str] = (),
        cameras: Sequence[str] = (),
        after: After = None,
        key: str | Path | KeyFile | None = None,
        timeout_s: float = 2.0,
    ) -> None:
        """Connects to a daemon, which may be started later.

        Args:
            endpoint: where it publishes: `ipc:///run/deconvid/events`, `tcp://HOST:9781`; unset: what the key says.
            requests: where it answers; unset: `requests` in the same folder, or the port after that one.
            kinds: only events whose kind begins with one of these: `("face.identified", "camera.")`.
            cameras: only events of these.
            after: the `cursor` of an earlier run, to go on after it; `"start"`: everything that the daemon keeps;
                None: from now on.
            key: for a daemon on another machine: the file of `deconvid keys new`.
            timeout_s: after so long without an answer, missing events are asked for again.

        Raises:
            BusError: no daemon can ever answer at this address.
        """
        self._session = Session(Address.of(endpoint, requests, key), Filter(kinds, cameras), after, timeout_s)

    @property
    def cursor(self) -> Cursor | None:
        """Place of the newest event that was received or filtered out; None if nothing was heard of the daemon yet."""
        return self._session.sequencer.cursor

    @property
    def lost(self) -> int:
        """Events that the daemon had deleted, by its retention, before this program came for them."""
        return self._session.sequencer.lost

    @property
    def unreadable(self) -> int:
        """Frames that were no events."""
        return self._session.unreadable

    @property
    def is_connected(self) -> bool:
        """Whether the daemon was heard in the last seconds before the newest `receive`."""
        return self._session.is_connected

    def close(self) -> None:
        self._session.close()


def deadline(timeout_s: float | None) -> float:
    """Returns the moment of time.monotonic() that is so far away; None: never."""
    return math.inf if timeout_s is None else time.monotonic() + timeout_s
