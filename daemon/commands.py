"""What a running daemon can be told: to reload its configuration, to pause and resume a camera, to name a stranger."""

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from config import ConfigError, DeconvIDError, Problem, Settings
from config.changes import Change, find_changes
from daemon.crew import Crew
from daemon.house import House
from daemon.messages import CameraState
from daemon.operations.control import Answer, Later, Request
from daemon.operations.naming import name_stranger
from daemon.operations.observer import Observer, summary_of
from daemon.operations.outgoing import Outgoing
from daemon.operations.reports import Reports
from daemon.service import Service

logger = logging.getLogger(__name__)

FIXED = ("state", "runtime", "database_url", "privacy.master_key")
"""Settings that a running daemon cannot change: there its lock, its sockets and its store are."""


PATIENT: tuple[CameraState, ...] = ("not_found", "auth_failed", "unsupported", "backoff")
"""States in which a camera's worker may wait for minutes until it tries again."""


class Commands:
    """Every command but a question is audited: it becomes an event that says who gave it."""

    def __init__(
        self,
        house: House,
        crew: Crew,
        outgoing: Outgoing,
        reports: Reports,
        observer: Observer,
        service: Service,
        reread: Callable[[], Settings],
    ) -> None:
        self.counts: Counter[str] = Counter()
        """`reloads` and `reloads_refused`."""
        self._house, self._crew, self._outgoing, self._reports = house, crew, outgoing, reports
        self._observer, self._service, self._reread = observer, service, reread
        self._clerk = ThreadPoolExecutor(1, "clerk")

    def handle(self, request: Request) -> Answer | Later:
        if request.command == "status":
            return self._status()
        if request.dry_run:
            return self._preview()
        match request.command:
            case "reload":
                answer = self._reload()
            case "pause":
                answer = self._pause(request.camera, request.actor)
            case "resume":
                answer = self._resume(request.camera)
            case "name_stranger":
                # The store may be locked, or its server silent, for longer than anybody may wait here.
                naming = self._clerk.submit(name_stranger, self._house.settings, request)
                return lambda: self._conclude(request, naming.result()) if naming.done() else None
        return self._conclude(request, answer)

    def _conclude(self, request: Request, answer: Answer) -> Answer:
        """Puts a command on record."""
        subject = " ".join(filter(None, (request.command, request.camera, request.stranger)))
        logger.info("control command='%s' actor=%s ok=%s", subject, request.actor, answer.ok)
        self._outgoing.notice("daemon.control", subject, answer.message, request.actor)
        if request.command == "reload" and answer.ok:
            self._outgoing.notice("daemon.reloaded", detail=answer.message, actor=request.actor)
        return answer

    def _status(self) -> Answer:
        status = self._observer.newest
        return Answer(True, summary_of(status)) if status else Answer(True, "starting")

    def _preview(self) -> Answer:
        try:
            return Answer(True, _listed(self._changes(self._reread())))
        except DeconvIDError as error:
            return _refused(error)

    def _reload(self) -> Answer:
        """Reads the configuration again and changes what differs; whatever is wrong with it changes nothing."""
        if self._crew.is_ready:  # else systemd would take the answer for the end of the start
            self._service.reloading()
        try:
            settings = self._reread()
            changes = self._changes(settings)
            for change in changes:
                logger.info("reload_change setting=%s change='%s'", change.key, change.what)
            if changes:
                self._apply(settings)
        except DeconvIDError as error:
            self.counts["reloads_refused"] += 1
            self._observer.refused = str(error).partition("\n")[0]
            logger.error("reload_refused cause='%s'", error)
            return _refused(error)
        finally:
            if self._crew.is_ready:
                self._service.ready()
        self.counts["reloads"] += 1
        self._observer.refused = ""
        return Answer(True, _listed(changes))

    def _changes(self, settings: Settings) -> list[Change]:
        """Raises ConfigError: a setting differs that cannot be changed."""
        changes = find_changes(self._house.settings, settings)
        fixed = [change.key for change in changes if change.key in FIXED]
        if fixed:
            raise ConfigError([Problem(key, "cannot be changed while the daemon runs", "Restart it") for key in fixed])
        return changes

    def _apply(self, settings: Settings) -> None:
        """What can fail comes first. Workers whose tasks stay the same are left alone."""
        plans = self._house.plans(settings)
        known = set(self._house.rings)
        with self._house.prepared(settings) as joined:
            touched = self._crew.change(plans)
            self._house.adopt(settings, joined)
        gone = self._house.discard()
        for worker in touched:
            self._reports.forget(worker)
        for camera in (*gone, *known.intersection(joined)):
            self._observer.forget(camera)
            self._outgoing.camera_left(camera)
        for camera in joined:
            self._outgoing.camera_joined(camera, str(self._house.rings[camera].path))
        for camera in gone:
            why = "disabled" if camera in settings.cameras else "no longer configured"
            self._outgoing.camera_state(camera, "paused" if camera in settings.cameras else "ended", why)

    def _pause(self, camera: str, actor: str) -> Answer:
        if refusal := self._refusal(camera):
            return refusal
        if camera in self._crew.paused:
            return Answer(True, f"{camera} was paused before")
        self._crew.pause(camera)
        self._reports.forget(f"camera-{camera}")
        self._outgoing.camera_state(camera, "paused", f"by {actor}")
        return Answer(True, f"{camera} is paused, until it is resumed or the daemon is restarted")

    def _resume(self, camera: str) -> Answer:
        if refusal := self._refusal(camera):
            return refusal
        if self._crew.resume(camera):
            return Answer(True, f"{camera} is started")
        if self._observer.state_of(camera) not in PATIENT:
            return Answer(True, f"{camera} was not paused")
        self._crew.try_at_once(camera)
        self._reports.forget(f"camera-{camera}")
        return Answer(True, f"{camera} was not paused; it is tried again at once")

    def _refusal(self, camera: str) -> Answer | None:
        cameras = self._house.settings.cameras
        if camera not in cameras:
            return Answer(False, f"there is no camera {camera!r}. There are: {', '.join(cameras)}")
        if not cameras[camera].enabled:
            return Answer(False, f"cameras.{camera}.enabled is false. Remove it from the configuration, and reload")
        return None


def _listed(changes: list[Change]) -> str:
    return "\n".join(map(str, changes)) or "nothing differs"


def _refused(error: DeconvIDError) -> Answer:
    return Answer(False, f"configuration NOT changed:\n{error}")
