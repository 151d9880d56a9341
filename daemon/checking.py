"""Problems of a configuration that only the machine can tell: models, folders, sources."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from config import DeconvIDError, Problem, Settings
from daemon.bridges.checking import find_bridge_problems
from daemon.events.errors import KeysError
from daemon.events.keys import KeyFolder
from daemon.house import socket_path_fault
from daemon.rules.checking import find_rule_problems
from daemon.store.master_key import MasterKey
from daemon.store.vault import Vault
from engine.manifests import find_model

LOOKS_WITHIN_A_TRACK = 1.5
"""A track must outlive so many intervals between two looks, or every look is a face that nobody saw before."""


def find_problems(settings: Settings) -> list[Problem]:
    """Returns everything that would keep these settings from working here, whatever the cameras do."""
    return [
        *_cameras(settings),
        *_models(settings),
        *_folders(settings),
        *_master_key(settings),
        *_network(settings),
        *find_rule_problems(settings),
        *find_bridge_problems(settings),
    ]


def find_source_problems(settings: Settings) -> list[Problem]:
    """Returns the cameras that cannot be read now: each its own problem, for others work without it."""
    return list(_sources(settings))


def find_warnings(settings: Settings) -> list[Problem]:
    """Returns what works, but not as somebody may think who set it."""
    return [*_open_master_key(settings), *_unknown_strangers(settings)]


def _open_master_key(settings: Settings) -> Iterator[Problem]:
    key = MasterKey.of(settings.privacy.master_key, settings.state)
    if key.is_open_to_others:
        fault = "others than the daemon's user may read its file, and with it every face in the store"
        yield Problem("privacy.master_key", fault, f"chmod 600 {key.path}")


def _unknown_strangers(settings: Settings) -> Iterator[Problem]:
    if settings.identity.strangers_are == "alike" or settings.identity.threshold is not None:
        return
    with suppress(DeconvIDError):  # a model that cannot be found is told of by `find_problems`
        spec = find_model(settings.embedding.model, settings.models)
        if not (spec.impostors and spec.impostors.anybody):
            fault = f"has no effect: the manifest of {spec.name} does not say how alike people at large look"
            yield Problem("identity.strangers_are", fault, "Run `python -m training.fit_tails` with the manifest")


def _cameras(settings: Settings) -> Iterator[Problem]:
    if not settings.cameras:
        yield Problem("cameras", "there is none", "Add a section [cameras.NAME] with a url")
    for name, camera in settings.cameras.items():
        if camera.password and not camera.username:
            yield Problem(f"cameras.{name}.username", "is missing beside a password", "Add it")
        least_s = LOOKS_WITHIN_A_TRACK / camera.detect_fps
        if settings.tracking.lost_after_s < least_s:
            fault = (
                f"is too short for camera {name}, which looks each {1 / camera.detect_fps:.1f} s: no face is followed"
            )
            yield Problem("tracking.lost_after_s", fault, f"Set it to {least_s:.1f} or more, or raise its detect_fps")


def _sources(settings: Settings) -> Iterator[Problem]:
    for name, camera in settings.cameras.items():
        # os.path answers False where pathlib raises: a folder that may not be entered, a name of 10,000 characters.
        key, path = f"cameras.{name}.url", camera.address
        if camera.kind == "file" and not os.path.isfile(path):
            yield Problem(key, f"there is no file {path}", "Correct the path, or write rtsp://… for a network camera")
        elif camera.kind == "device" and not os.path.exists(path):
            yield Problem(key, f"there is no device {path}", "Plug the camera in; `ls /dev/video*` lists them")
        elif camera.kind != "rtsp" and not os.access(path, os.R_OK):
            yield Problem(key, f"{path} may not be read by this user", "Change its owner or mode")


def _models(settings: Settings) -> Iterator[Problem]:
    for key, name, task in (
        ("detection.model", settings.detection.model, "detector"),
        ("embedding.model", settings.embedding.model, "embedder"),
    ):
        try:
            spec = find_model(name, settings.models)
            if spec.task != task:
                yield Problem(key, f"{name} is a {spec.task}, not a {task}", "`deconvid models list` shows them")
            else:
                for part in spec.parts:
                    part.verified_path()
        except DeconvIDError as error:
            yield Problem(key, str(error).rstrip("."), "`deconvid models list` shows what there is")


def _folders(settings: Settings) -> Iterator[Problem]:
    yield from _folder("state", settings.state)
    if settings.runtime:
        yield from _folder("runtime", settings.runtime)
        if os.path.realpath(settings.runtime) == os.path.realpath(settings.state):
            fix = "Leave `runtime` out (`run` inside the state folder), or set it to /run/deconvid"
            yield Problem("runtime", "is the state folder, which must outlive the sockets", fix)
    if fault := socket_path_fault(f"ipc://{settings.runtime_folder}/observations"):
        yield Problem("runtime", fault, "Set `runtime` to a folder with a shorter path, such as /run/deconvid")


def _master_key(settings: Settings) -> Iterator[Problem]:
    key = MasterKey.of(settings.privacy.master_key, settings.state)
    # The one in the state folder is made with the key ring.
    is_to_be_made = key.is_own and not os.path.exists(Vault.beside(settings.database, key).ring.path)
    if is_to_be_made or key.is_the_services:
        return
    try:
        key.read()
    except DeconvIDError as error:
        fault, _, fix = str(error).partition(". ")
        yield Problem("privacy.master_key", fault, fix)


def _network(settings: Settings) -> Iterator[Problem]:
    network = settings.events.network
    if network is None:
        return
    # Whether the port is free cannot be told here: the daemon that runs already may hold it.
    family = socket.AF_INET6 if network.address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((str(network.address), 0))
    except OSError as error:
        fix = "`ip address` lists this machine's; 0.0.0.0 is all of them"
        yield Problem("events.network.address", f"{network.address} cannot be bound ({error.strerror})", fix)
    if network.encryption == "curve":
        try:
            KeyFolder(settings.keys_folder).check()
        except KeysError as error:
            yield Problem("events.network.encryption", str(error), "`deconvid keys server` must print a key")


def _folder(key: str, folder: Path) -> Iterator[Problem]:
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if os.path.exists(parent))
    if not existing.is_dir():
        yield Problem(key, f"{existing} is not a folder", "Set it to a folder")
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield Problem(key, f"{existing} may not be written by this user", "Set it to a folder that this user owns")
