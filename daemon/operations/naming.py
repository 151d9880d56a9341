"""Names a stranger on a request: the supervisor's only word to the identity store."""

from config import DeconvIDError, Settings
from daemon.enrolment.resemblance import LookAlike, check_name
from daemon.identity.stranger_orders import StrangerOrders
from daemon.operations.control import Answer, Request
from daemon.store import Person, Store
from daemon.store.errors import NoLikenessError
from daemon.store.people import ConsentEndedError
from daemon.store.stranger_records import id_of, label_of
from engine.manifests import find_model


def name_stranger(settings: Settings, request: Request) -> Answer:
    """Returns what became of it. It names nobody: it stays in the event log when the person is erased."""
    number = id_of(request.stranger)
    if number is None or not request.name:
        return Answer(False, "say whom to name: stranger (unknown-12) and name")
    try:
        person, alike = _name(settings, request, number)
    except NoLikenessError:  # its text says who they are
        fix = "`deconvid unknowns list --all` tells"
        return Answer(False, f"{label_of(number)} was named or merged, or no face of it is left: {fix}")
    except ConsentEndedError:  # so does this one's
        fix = "Put a new one on record first: `deconvid people consent NAME --basis WHY --expires DATE`"
        return Answer(False, f"the consent of whoever has that name ended, and nobody is recognised as them. {fix}")
    except DeconvIDError as error:
        return Answer(False, str(error))
    doubt = f", and looks like person {alike.id}: if both are one, erase one of the two" if alike else ""
    return Answer(True, f"{label_of(number)} is person {person.id} now{doubt}")


def _name(settings: Settings, request: Request, number: int) -> tuple[Person, LookAlike | None]:
    model = find_model(settings.embedding.model, settings.models)
    # An erasure that somebody began is left to them: to rewrite a large database would take the supervisor's time.
    with Store.of(settings, request.actor, scrubs=False) as store:
        alike = None if request.unlike else check_name(store, model, number, request.name)
        return StrangerOrders.of(store, settings).name(number, request.name), alike
