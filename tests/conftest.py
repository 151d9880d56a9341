"""Sample pictures, out of installed packages: no picture of a person lies in this repository."""

import importlib.util
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import settings
from numpy.typing import NDArray

RIG = ("clips", "cameras", "workers", "daemon", "broker", "certificates", "postgres")
pytest_plugins = [f"rig.{part}" for part in RIG]

# How long an example takes says how busy the machine is.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")

Image = NDArray[np.uint8]


def pytest_configure() -> None:
    """A test run that is started with `&` or `nohup` ignores signals; what the tests start would inherit that.

    Handlers are not inherited: with one that does nothing the run goes on ignoring them alone.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(autouse=True)
def _own_log_settings() -> Iterator[None]:
    """A command that runs inside of a test sets up the log for its workers; the next test's workers have their own."""
    yield
    os.environ.pop("DECONVID_LOG", None)


def _insightface_picture(name: str) -> Image:
    spec = importlib.util.find_spec("insightface")
    assert spec
    assert spec.submodule_search_locations
    picture = cv2.imread(str(Path(spec.submodule_search_locations[0]) / "data" / "images" / name))
    assert picture is not None
    return np.asarray(picture, np.uint8)


@pytest.fixture(scope="session")
def astronaut() -> Image:
    """One frontal face, (512, 512, 3) uint8 BGR."""
    return np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])


@pytest.fixture(scope="session")
def six_faces() -> Image:
    """Six faces, two of them turned, (886, 1280, 3) uint8 BGR."""
    return _insightface_picture("t1.jpg")


@pytest.fixture(scope="session")
def tom_hanks() -> Image:
    """One face that fills the picture, (112, 112, 3) uint8 BGR."""
    return _insightface_picture("Tom_Hanks_54745.png")
