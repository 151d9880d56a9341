"""Names a stranger on a request: the supervisor's only word to the identity store."""

from config import DeconvIDError, Settings
from daemon.identity.stranger_orders import StrangerOrders
from daemon.operations.control import Answer, Request
from daemon.store import Store
from daemon.store.errors import NoLikenessError
from daemon.store.stranger_records import id_of, label_of


def name_stranger(settings: Settings, request: Request) -> Answer:
    """Returns what became of it. It names nobody: it stays in the event log when the person is erased."""
    number = id_of(request.stranger)
    if number is None or not request.name:
        return Answer(False, "say whom to name: stranger (unknown-12) and name")
    try:
        # An erasure that somebody began is left to them: to rewrite a large database would take the supervisor's time.
        with Store.of(settings, request.actor, scrubs=False) as store:
            person = StrangerOrders.of(store, settings).name(number, request.name)
    except NoLikenessError:  # its text says who they are
        fix = "`deconvid unknowns list --all` tells"
        return Answer(False, f"{label_of(number)} was named or merged, or no face of it is left: {fix}")
    except DeconvIDError as error:
        return Answer(False, str(error))
    return Answer(True, f"{label_of(number)} is person {person.id} now")
