"""Events about cameras and the daemon itself, kept while the store fails."""

from collections import Counter

from daemon.events.schema import Event
from daemon.identity.voice import Voice

MOST_NEWS = 1024
"""What is kept; the oldest is forgotten."""


class News:
    """Args: counts: `news_forgotten`."""

    def __init__(self, voice: Voice, counts: Counter[str]) -> None:
        self._voice, self._counts = voice, counts
        self._unsaid: dict[object, Event] = {}
        """What could not be stored, oldest first; of each camera its newest state only."""

    def tell(self, key: object, event: Event) -> None:
        """Args: key: what is of no interest any more when there is newer news of it."""
        self._unsaid.pop(key, None)

        def told(sequence: int | None) -> None:
            if sequence is not None:
                return
            self._unsaid[key] = event
            if len(self._unsaid) > MOST_NEWS:
                del self._unsaid[next(iter(self._unsaid))]
                self._counts["news_forgotten"] += 1

        self._voice.say(event, told)

    def say_unsaid(self) -> None:
        for key, event in list(self._unsaid.items()):
            self.tell(key, event)
