"""Runs a soak: inflicts the faults on schedule, listens all the while, and compares with the store at the end."""

import logging
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec

from config.errors import DeconvIDError
from daemon.demo.cast import ENROLLED
from daemon.demo.verdict import Verdict
from daemon.soak.faults import KINDS, FaultNotPossibleError
from daemon.soak.report import SoakReport, judge
from daemon.soak.rig import Rig, build_rig
from daemon.soak.schedule import Fault, schedule
from daemon.soak.watch import Ordeal, Watch
from daemon.store import Store
from deconvid_client import Subscriber

logger = logging.getLogger(__name__)

STATUS_S = 1.0
SETTLE_S = 5.0
"""Time for the last events to arrive when the soak is over; what happens meanwhile is not missed."""


def soak(minutes: float, cameras: int, faults: list[Fault]) -> SoakReport:
    """Raises DeconvIDError: the rig cannot be built, or the daemon died for good."""
    sets_clock = any(fault.kind == "clock_step" for fault in faults)
    with (
        tempfile.TemporaryDirectory(prefix="deconvid-soak-") as folder,
        build_rig(Path(folder), cameras, sets_clock) as rig,
    ):
        watch = Watch(Verdict(rig.scenes, [person for picture in ENROLLED for person in picture.people]))
        with Subscriber(rig.settings.events_endpoint, after="start") as subscriber:
            _run(rig, watch, subscriber, minutes * 60, faults)
            with Store.of(rig.settings, "soak") as store:
                stored = store.events.newest()
            _listen(rig, watch, subscriber, watch.now_s + SETTLE_S)
            report = judge(watch, rig, stored, subscriber.lost)
        return msgspec.structs.replace(report, left_behind=rig.end_daemon())


def _run(rig: Rig, watch: Watch, subscriber: Subscriber, seconds: float, faults: list[Fault]) -> None:
    for begins_s, fault in schedule(faults, seconds):
        _listen(rig, watch, subscriber, begins_s)
        ordeal = watch.begin(fault)
        logger.info("fault kind=%s target=%s for_s=%.0f", fault.kind, fault.target or "-", fault.for_s)
        _inflict(rig, watch, subscriber, ordeal)
    _listen(rig, watch, subscriber, seconds)


def _inflict(rig: Rig, watch: Watch, subscriber: Subscriber, ordeal: Ordeal) -> None:
    fault = ordeal.fault
    with ExitStack() as undo:
        try:
            undo.enter_context(KINDS[fault.kind](rig, fault.target))
        except FaultNotPossibleError as error:
            logger.warning("fault_not_possible kind=%s cause='%s'", fault.kind, error)
            watch.end(ordeal, refused=str(error))
            return
        _listen(rig, watch, subscriber, watch.now_s + fault.for_s)
    watch.end(ordeal)


def _listen(rig: Rig, watch: Watch, subscriber: Subscriber, until_s: float) -> None:
    while watch.now_s < until_s:
        if rig.daemon.poll() is not None:
            raise DeconvIDError(f"the daemon ended with code {rig.daemon.returncode}:\n{rig.log.read_text()[-2000:]}")
        event = subscriber.receive(timeout_s=0.1)
        if event is not None:
            watch.take_event(event)
        if not watch.samples or watch.now_s - watch.samples[-1].at_s >= STATUS_S:
            watch.take_status(rig.status(), rig.now_ns())
            watch.take_accounts(rig.accounts())
