"""Problems of a configuration that only the machine can tell: models, files, folders."""

import os
from collections.abc import Iterator
from pathlib import Path

from config import DeconvIDError, Problem, Settings
from daemon.house import socket_path_fault
from engine.manifests import find_model


def find_problems(settings: Settings) -> list[Problem]:
    """Returns everything that would keep these settings from working here."""
    return [*_cameras(settings), *_models(settings), *_folders(settings)]


def _cameras(settings: Settings) -> Iterator[Problem]:
    if not settings.cameras:
        yield Problem("cameras", "there is none", "Add a section [cameras.NAME] with a url")
    for name, camera in settings.cameras.items():
        key, path = f"cameras.{name}.url", Path(camera.address)
        if camera.kind == "file" and not path.is_file():
            yield Problem(key, f"there is no file {path}", "Correct the path, or write rtsp://… for a network camera")
        elif camera.kind == "device" and not path.exists():
            yield Problem(key, f"there is no device {path}", "Plug the camera in; `ls /dev/video*` lists them")
        elif camera.kind != "rtsp" and not os.access(path, os.R_OK):
            yield Problem(key, f"{path} may not be read by this user", "Change its owner or mode")
        if camera.password and not camera.username:
            yield Problem(f"cameras.{name}.username", "is missing beside a password", "Add it")


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
                spec.verified_path()
        except DeconvIDError as error:
            yield Problem(key, str(error).rstrip("."), "`deconvid models list` shows what there is")


def _folders(settings: Settings) -> Iterator[Problem]:
    state = settings.state
    existing = next(folder for folder in (state, *state.absolute().parents) if folder.exists())
    if not existing.is_dir():
        yield Problem("state", f"{existing} is not a folder", "Set it to a folder")
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield Problem("state", f"{existing} may not be written by this user", "Set it to a folder that this user owns")
    for key, endpoint in (
        ("runtime", f"ipc://{settings.runtime_folder}/observations"),
        ("events.publish", settings.events_endpoint),
    ):
        if fault := socket_path_fault(endpoint):
            yield Problem(key, fault, "Set `runtime` to a folder with a shorter path, such as /run/deconvid")
