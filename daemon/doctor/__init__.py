"""What `deconvid doctor` looks at: the machine, the decoders, the runtimes, the configuration, the cameras."""

from collections.abc import Iterator
from pathlib import Path

from config import read_settings
from daemon.checking import find_problems, find_source_problems
from daemon.doctor.cameras import examine_cameras
from daemon.doctor.decoders import examine_decoders
from daemon.doctor.finding import Finding
from daemon.doctor.folders import examine_folders
from daemon.doctor.keys import examine_keys
from daemon.doctor.machine import examine_machine
from daemon.doctor.people import examine_people
from daemon.doctor.ports import examine_ports
from daemon.doctor.runtimes import examine_runtimes

__all__ = ["Finding", "examine"]


def examine(config: Path, with_cameras: bool = True) -> Iterator[Finding]:
    """Yields a finding for everything that was looked at, as it is known.

    Args:
        config: the configuration; what is wrong with it is found too, and the rest is looked at all the same.
        with_cameras: whether each camera is opened.
    """
    yield from examine_machine()
    yield from examine_decoders()
    yield from examine_runtimes()
    reading = read_settings(config)
    settings = reading.settings
    problems = [*reading.problems, *(find_problems(settings) if settings else ())]
    for problem in problems:
        yield Finding("configuration", problem.key, "fail", problem.fault, problem.fix)
    if settings is None:
        return
    if not problems:
        models = f"{settings.detection.model} and {settings.embedding.model} have the digests of their manifests"
        yield Finding("configuration", str(config), "ok", f"no problems; {models}")
    yield from examine_folders(settings)
    yield from examine_keys(settings)
    yield from examine_people(settings)
    yield from examine_ports(settings)
    if with_cameras:
        # What is not there needs no time-out to be told.
        missing = {problem.key.split(".")[1]: problem for problem in find_source_problems(settings)}
        yield from (Finding("cameras", name, "fail", p.fault, p.fix) for name, p in missing.items())
        yield from examine_cameras({name: c for name, c in settings.cameras.items() if name not in missing})
