"""`deconvid people capture`: who is before a camera now."""

from contextlib import nullcontext
from typing import Annotated

import typer
from rich.markup import escape
from rich.status import Status

from config import ConfigError, Problem, Settings, load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, err, out, set_up_logging, told_errors
from daemon.cli.people_lines import tell_outcome
from daemon.cli.stores import make_store
from daemon.enrolment import Accepted
from daemon.enrolment.candidates import Candidate
from daemon.enrolment.capturing import SittingError, enrol_looks, sit
from daemon.enrolment.sitting import WANTED, Hint
from daemon.errors import StreamError
from daemon.exits import EXIT_FAILURE
from daemon.store.names import normalise_name
from engine import FaceEngine


def capture(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")],
    camera: Annotated[str, typer.Option(help="Name of the camera in the configuration.")],
    seconds: Annotated[float, typer.Option(min=1, max=300, help="Longest time before the camera.")] = 20,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Enrol whoever stands before a camera, with hints; the daemon may run."""
    set_up_logging("warning")
    with told_errors():
        settings = load_settings(config)
        normalise_name(name)
        if camera not in settings.cameras:
            known = ", ".join(settings.cameras) or "none"
            raise ConfigError([Problem(f"cameras.{camera}", "there is no such camera", f"Known are {known}")])
        engine = FaceEngine.load(settings)
        with make_store(settings) as store:
            store.people.check_consent(name)  # before anybody sits down
            outcomes = enrol_looks(store, engine.embedder, name, _sit(settings, engine, camera, seconds))
        for outcome in outcomes:
            tell_outcome(outcome)
        accepted = sum(isinstance(outcome, Accepted) for outcome in outcomes)
        out.print(f"{escape(name)}: {accepted} looks of camera {camera} enrolled", soft_wrap=True, highlight=False)
        if not accepted:
            raise typer.Exit(EXIT_FAILURE)


def _sit(settings: Settings, engine: FaceEngine, camera: str, seconds: float) -> list[Candidate]:
    """A status line on a terminal; elsewhere a line for each change of it."""
    told: list[tuple[Hint, int]] = []
    with Status("opening the camera", console=err) if err.is_terminal else nullcontext() as status:

        def tell(hint: Hint, count: int) -> None:
            if status is not None:
                status.update(f"{count} of {WANTED} looks: [bold]{hint}[/bold]")
            elif told[-1:] != [(hint, count)]:
                told.append((hint, count))
                err.print(f"{count} of {WANTED} looks: {hint}", soft_wrap=True, highlight=False)

        try:
            return sit(engine, camera, settings.cameras[camera], seconds, tell)
        except StreamError as error:
            fault = f"camera {camera}: {error}"
            if settings.cameras[camera].kind == "device":
                fault += f". If the daemon holds it: `deconvid cameras pause {camera}`, and resume it afterwards"
            raise SittingError(fault) from error
