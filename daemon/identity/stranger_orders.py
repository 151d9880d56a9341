"""What an operator does to strangers: each order is stored together with its record in the audit log and its event."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from config import Settings
from daemon.errors import StoreError
from daemon.events.schema import Event
from daemon.events.writer import told_with
from daemon.identity.crowd_change import crowd_change
from daemon.identity.stranger_events import merged_event, named_event, split_event
from daemon.identity.strangers import Crowd
from daemon.store import Person, Store
from daemon.store.errors import CrowdChangedError, NoLikenessError
from daemon.store.events import Draft
from daemon.store.stranger_records import StrangerEntry, label_of
from daemon.store.strangers import Deed, fate_of
from engine.manifests import find_model

ATTEMPTS = 5
"""While the daemon changes strangers, too."""


class OrderError(StoreError):
    """An order that makes no sense."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an order makes of a crowd."""

    crowd: Crowd
    deeds: Sequence[Deed]
    events: Sequence[Event] = ()
    merged: Mapping[int, int] = field(default_factory=dict)


class StrangerOrders:
    """All methods raise UnknownStrangerError or NoLikenessError where nobody of a number can be recognised, and
    StoreError where nothing could be stored."""

    def __init__(
        self,
        store: Store,
        model: str,
        most_likenesses: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            model: digest of the embedder by which strangers are known.
            most_likenesses: that are kept of one stranger.
        """
        self._store, self._model, self._most_likenesses, self._now = store, model, most_likenesses, now

    @classmethod
    def of(cls, store: Store, settings: Settings) -> Self:
        """Raises ConfigError: the settings name no embedder that there is."""
        model = find_model(settings.embedding.model, settings.models)
        return cls(store, model.sha256, settings.strangers.most_likenesses)

    def name(self, id: int, name: str) -> Person:
        """Enrols a stranger's likenesses as the person of that name, new or known.

        Raises:
            InvalidNameError: nobody can have that name.
        """

        def told(person: Person, entry: StrangerEntry) -> Draft:
            return told_with(named_event(entry, person, self._now()), self._store.epoch)

        return self._store.strangers.name(id, name, told)

    def merge(self, gone: Sequence[int], into: int) -> None:
        """Raises OrderError: nobody can be merged into themselves."""
        if into in gone:
            raise OrderError(f"{label_of(into)} cannot be merged into itself. Name another one")

        def order(crowd: Crowd) -> Step:
            for id in gone:
                crowd = crowd.merge(id, into, self._most_likenesses)
            deeds = [Deed("strangers.merge", id, f"into stranger:{into}") for id in gone]
            events = [merged_event(id, into, self._now()) for id in gone]
            return Step(crowd, deeds, events, dict.fromkeys(gone, into))

        self._carry_out([into, *gone], order)

    def split(self, id: int, leaving: Collection[int]) -> int:
        """Makes some likenesses another stranger's, whom no sighting makes one with the first again.

        Returns:
            The other one's number.

        Raises:
            OrderError: it is none of the likenesses, or all.
        """

        def order(crowd: Crowd) -> Step:
            held = {one.id for one in crowd.strangers[id].likenesses}
            if not leaving or not set(leaving) < held:
                numbers = ", ".join(map(str, sorted(held)))
                raise OrderError(f"{label_of(id)} has the pictures {numbers}: name some of them, and not all")
            crowd, new = crowd.split(id, leaving)
            deed = Deed("strangers.split", id, f"new stranger:{new}")
            return Step(crowd, [deed], [split_event(id, new, self._now())])

        return self._carry_out([id], order).crowd.newest

    def ignore(self, id: int, ignored: bool = True) -> None:
        """Makes matches to a stranger quiet, and never a person's; or takes that back."""
        deed = Deed("strangers.ignore" if ignored else "strangers.heed", id)
        self._carry_out([id], lambda crowd: Step(crowd.ignore(id, ignored), [deed]))

    def forget(self, ids: Collection[int]) -> None:
        """Destroys the keys of strangers, and deletes what is stored of them and of those who were merged into them."""
        for id in ids:
            self._store.strangers.entry(id)
        self._store.strangers.forget(ids, "strangers.forget")

    def _carry_out(self, ids: Collection[int], order: Callable[[Crowd], Step]) -> Step:
        """Tries again if the daemon changed strangers meanwhile."""
        for _ in range(ATTEMPTS):
            snapshot = self._store.strangers.snapshot(self._model)
            crowd = Crowd.of(snapshot)
            self._demand(crowd, ids)
            step = order(crowd)
            change = crowd_change(
                crowd, step.crowd, revision=snapshot.revision, model_digest=self._model, merged=step.merged
            )
            with suppress(CrowdChangedError):
                self._store.strangers.apply(
                    change, step.deeds, [told_with(event, self._store.epoch) for event in step.events]
                )
                return step
        raise CrowdChangedError("the daemon changes the strangers all the time. Try again")

    def _demand(self, crowd: Crowd, ids: Collection[int]) -> None:
        for id in ids:
            if id not in crowd.strangers:
                fate = fate_of(self._store.strangers.entry(id))
                raise NoLikenessError(f"{label_of(id)}: {fate}. `deconvid unknowns list --all` shows everybody")
