"""`deconvid calibrate`: what a name is worth, and what it costs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
import numpy as np
import typer
from numpy.typing import NDArray
from rich.markup import escape
from rich.table import Table

from config import IdentitySettings, load_settings
from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, counted, err, out, print_table, told_errors
from daemon.cli.stores import open_store
from daemon.identity.calibration import Calibration, calibrate
from daemon.identity.gallery import Gallery
from daemon.identity.gallery_report import GalleryReport, OperatingPoint
from daemon.identity.gallery_report import report as report_on
from daemon.identity.rehearsal import Share
from daemon.store import GallerySnapshot
from engine import ModelError
from engine.impostors import ImpostorTails, Strangers
from engine.manifests import find_model

WHO: dict[Strangers, str] = {"alike": "of those who are alike", "anybody": "of people at large"}
NOBODY = (
    "nobody is enrolled with this embedder: `deconvid people add NAME PHOTO...` adds somebody; after a change of the "
    "embedder `deconvid people reembed` brings back those who were"
)

app = typer.Typer(
    help="Show how sure names are, and what to do about whom.", no_args_is_help=True, add_completion=False
)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The gallery of today and its calibration."""

    settings: IdentitySettings
    tails: ImpostorTails
    calibration: Calibration
    gallery: GallerySnapshot
    sample: NDArray[np.float32]
    """See `calibrate`."""


@app.command()
def report(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show the threshold, what it costs, look-alikes, odd photos and copies, and advice for each person."""
    with told_errors(), _calibrated(config) as today:
        settings = today.settings
        found = report_on(
            today.gallery, today.sample, today.tails, today.calibration, settings.margin, settings.threshold
        )
        names = {id: today.gallery.people[id] for id in sorted(set(today.gallery.person_ids.tolist()))}
    if as_json:
        out.print_json(msgspec.json.encode({"names": names, **msgspec.to_builtins(found)}).decode())
    else:
        _print_report(found, names)


@app.command()
def now(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Compute the threshold for the people of today; the daemon does so by itself whenever they change."""
    with told_errors(), _calibrated(config) as today:
        calibration = today.calibration
    if as_json:
        out.print_json(msgspec.json.encode(calibration).decode())
        return
    photos = counted(calibration.photos, "photo")
    rate = _rate(calibration.fpir, calibration.strangers_are)
    out.print(f"threshold {calibration.threshold:.3f} for {photos}: {rate}")
    if today.settings.threshold is not None:
        err.print(f"not in force: the configuration sets identity.threshold = {today.settings.threshold:g}")


@contextmanager
def _calibrated(config: ConfigOption) -> Iterator[Calibrated]:
    settings = load_settings(config, secrets=False)
    model = find_model(settings.embedding.model, settings.models)
    if model.impostors is None:
        raise ModelError(
            f"model {model.name}: its manifest does not say how alike strangers look, so that no rate can be kept; "
            "identity.threshold decides. Run `python -m training.fit_tails` with its manifest"
        )
    with open_store(settings) as store:
        identity, tails = settings.identity, model.impostors
        gallery = Gallery.load(store, model.sha256)
        calibration = calibrate(gallery.photos, gallery.sample, tails, identity.fpir, identity.strangers_are)
        yield Calibrated(identity, tails, calibration, store.people.gallery(model.sha256), gallery.sample)


def _print_report(found: GalleryReport, names: Mapping[int, str]) -> None:
    photos = counted(found.photos, "photo")
    out.print(f"{_people(found.people)}, {photos}; look-alikes {found.alikeness:.1f} times as usual")
    source = "identity.threshold" if found.is_fixed else "identity.fpir"
    rate = _rate(found.in_force.fpir, found.in_force.strangers_are)
    out.print(f"threshold {found.in_force.threshold:.3f} by {source}: {rate}", soft_wrap=True)
    if found.false_names:
        taken = _share(found.false_names)
        out.print(f"photos that would be named after somebody else, were the person not known: {taken}", soft_wrap=True)
    print_table(_points(found.points))
    table = Table("person", "advice")
    for id, texts in found.advice.items():
        table.add_row(escape(names[id]), escape("\n".join(texts)))
    if found.advice:
        print_table(table)
    elif not found.people:
        err.print(NOBODY, soft_wrap=True)
    else:
        err.print("no advice: everybody has photos enough that fit")


def _points(points: tuple[OperatingPoint, ...]) -> Table:
    table = Table("strangers named", "strangers are", "threshold", "photos missed (95 %)")
    for point in points:
        missed = _share(point.misses) if point.misses else "nobody has several photos"
        table.add_row(f"{point.fpir:.2%}", point.strangers_are, f"{point.threshold:.3f}", missed)
    return table


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _rate(fpir: float, strangers_are: Strangers) -> str:
    rate = f"1 stranger in {1 / fpir:,.0f} is named" if fpir > 0 else "no stranger is named"
    return f"{rate} ({WHO[strangers_are]})"


def _share(share: Share) -> str:
    return f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%}) of {share.of}"
