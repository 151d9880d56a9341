"""Everything that is measured of an embedder, as JSON and as one self-contained page."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Plot
from numpy.typing import NDArray

from training.evaluation.identification import Identification
from training.evaluation.intervals import Figure
from training.evaluation.verification import Verification

matplotlib.use("Agg")  # no screen is needed


@dataclass(frozen=True, slots=True)
class Measured:
    """What one embedder gave."""

    name: str
    sha256: str
    verification: Mapping[str, Verification]
    """By degradation of the second picture."""
    identification: Mapping[str, Identification]
    """By degradation of the probe."""
    false_match_rate: Mapping[str, Figure]
    """By group, at the threshold that lets 1 in 1,000 pass over all groups; empty where no FairFace is at hand."""
    clean_scores: NDArray[np.float32]
    """(6000,), cosine of each pair."""


def to_json(measured: Measured) -> dict[str, object]:
    """Returns the figures without the scores."""
    figures = asdict(measured)
    del figures["clean_scores"]
    return figures


def page(title: str, command: str, embedders: Sequence[Measured], same: NDArray[np.bool_]) -> str:
    """Returns HTML that needs nothing else: tables, and plots as inline SVG."""
    probes = list(embedders[0].verification)
    sections = [
        f"<h1>{html.escape(title)}</h1><p><code>{html.escape(command)}</code></p>",
        "<p>Percent, with 95 % intervals: bootstrap, binomial at 0 and 100. Two that overlap are a tie.</p>",
        "<h2>Verification: LFW accuracy, 10 folds</h2>",
        _table(["", "accuracy ± deviation", "EER"], [_accuracy_row(e) for e in embedders]),
        "<h2>Robustness: TAR at FAR 1e-2, second picture degraded</h2>",
        _table(["", *probes], [[e.name, *(str(e.verification[p].tar_at_far_1e_2) for p in probes)] for e in embedders]),
        "<h2>Open-set identification: FNIR at FPIR 1e-2</h2>",
        _table(
            ["", *embedders[0].identification],
            [[e.name, *(str(i.fnir_at_fpir_1e_2) for i in e.identification.values())] for e in embedders],
        ),
        "<h2>Fairness: false match rate by group, same threshold for all</h2>",
        _table(["", *(e.name for e in embedders)], _group_rows(embedders)),
        "<h2>Curves</h2>",
        _svg(det_plot(embedders, same)),
        _svg(histogram_plot(embedders[0], same)),
        _svg(distance_plot(embedders)),
    ]
    style = "body{font:15px sans-serif;max-width:72em;margin:2em auto}td,th{padding:.2em .7em;text-align:left}"
    return f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title><style>{style}</style>" + "\n".join(
        sections
    )


def det_plot(embedders: Sequence[Measured], same: NDArray[np.bool_]) -> Plot:
    """False non-matches against false matches, both logarithmic."""
    plot = Plot(figsize=(7, 4.5), layout="tight")
    axes = plot.add_subplot(xscale="log", yscale="log", xlabel="false match rate", ylabel="false non-match rate")
    for embedder in embedders:
        thresholds = np.unique(embedder.clean_scores)
        genuine, impostor = np.sort(embedder.clean_scores[same]), np.sort(embedder.clean_scores[~same])
        missed = np.searchsorted(genuine, thresholds) / len(genuine)
        passed = 1 - np.searchsorted(impostor, thresholds) / len(impostor)
        axes.plot(passed.clip(1e-4), missed.clip(1e-4), label=embedder.name)
    axes.legend()
    axes.grid(alpha=0.3)
    return plot


def histogram_plot(embedder: Measured, same: NDArray[np.bool_]) -> Plot:
    """Scores of genuine and impostor pairs."""
    plot = Plot(figsize=(7, 3.5), layout="tight")
    axes = plot.add_subplot(xlabel="cosine", ylabel="pairs", title=embedder.name)
    bins = np.linspace(-0.5, 1, 76).tolist()
    axes.hist(embedder.clean_scores[~same], bins, alpha=0.6, label="two people")
    axes.hist(embedder.clean_scores[same], bins, alpha=0.6, label="one person")
    axes.legend()
    return plot


def distance_plot(embedders: Sequence[Measured]) -> Plot:
    """TAR at FAR 1e-2 against the face's width in pixels, with intervals."""
    plot = Plot(figsize=(7, 4), layout="tight")
    axes = plot.add_subplot(xlabel="face width of the probe, px", ylabel="TAR at FAR 1e-2, %", xscale="log")
    for embedder in embedders:
        widths = {width: v for probe, v in embedder.verification.items() if (width := _width_px(probe))}
        figures = [widths[width].tar_at_far_1e_2 for width in sorted(widths)]
        around = [[f.value - f.low for f in figures], [f.high - f.value for f in figures]]
        axes.errorbar(sorted(widths), [f.value for f in figures], yerr=around, capsize=3, label=embedder.name)
    axes.set_xticks([12, 16, 24, 112], ["12", "16", "24", "112"], minor=False)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    return plot


def _width_px(probe: str) -> int | None:
    """Returns the width of the face after a degradation that changes nothing else, such as `16 px`."""
    if probe == "clean":
        return 112
    number, _, unit = probe.partition(" ")
    return int(number) if unit == "px" and number.isdigit() else None


def _accuracy_row(embedder: Measured) -> list[str]:
    clean = embedder.verification["clean"]
    return [embedder.name, f"{clean.accuracy:.2f} ± {clean.deviation:.2f}", f"{clean.equal_error_rate:.2f}"]


def _group_rows(embedders: Sequence[Measured]) -> list[list[str]]:
    groups = embedders[0].false_match_rate
    return [[group, *(f"{e.false_match_rate[group]:.3f}" for e in embedders)] for group in groups]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    titles = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    return f"<table><tr>{titles}</tr>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def _svg(plot: Plot) -> str:
    out = io.BytesIO()
    plot.savefig(out, format="svg")
    return f'<p><img alt="" src="data:image/svg+xml;base64,{base64.b64encode(out.getvalue()).decode()}"></p>'
