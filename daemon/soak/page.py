"""A soak's report as one page with plots that needs nothing else."""

import html
from collections.abc import Sequence

import msgspec

from daemon.soak.report import Line, SoakReport

COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#17becf", "#7f7f7f")
WIDTH, HEIGHT, MARGIN = 900, 220, 46


def page(report: SoakReport, command: str) -> str:
    """Returns HTML with the figures, the faults and two plots as inline SVG."""
    figures = {
        name: value
        for name, value in msgspec.to_builtins(report).items()
        if name not in ("faults", "memory_mb", "latencies_ms")
    }
    rows = "".join(f"<tr><th>{name}</th><td>{html.escape(str(value))}</td></tr>" for name, value in figures.items())
    faults = "".join(
        f"<tr><td>{f.began_s:.0f}</td><td>{f.kind}</td><td>{html.escape(f.target)}</td><td>{f.lasted_s:.0f}</td>"
        f"<td>{html.escape(f.refused) or ('not yet' if f.recovered_after_s is None else f.recovered_after_s)}</td></tr>"
        for f in report.faults
    )
    marks = [fault.began_s for fault in report.faults]
    style = "body{font:15px sans-serif;max-width:62em;margin:2em auto}th,td{text-align:left;padding:.1em .8em}"
    return f"""<!doctype html><meta charset=utf-8><title>Soak</title><style>{style}</style>
<h1>Soak: {html.escape("; ".join(report.failures)) or "passed"}</h1><p><code>{html.escape(command)}</code></p>
<table>{rows}</table>
<h2>Memory by worker, MB; dashed: faults</h2>{_plot(report.memory_mb, marks)}
<h2>Capture to event, ms</h2>{_plot({"": report.latencies_ms}, marks, dots=True)}
<h2>Faults</h2><table><tr><th>at, s</th><th>kind</th><th>target</th><th>lasted, s</th><th>well after, s</th></tr>
{faults}</table>"""


def _plot(lines: dict[str, Line], marks: Sequence[float], dots: bool = False) -> str:
    points = [point for line in lines.values() for point in line]
    if not points:
        return "<p>nothing</p>"
    longest, highest = max(x for x, _ in points), max(y for _, y in points) * 1.05 or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        return round(MARGIN + x / longest * (WIDTH - 2 * MARGIN), 1), round(
            HEIGHT - 20 - y / highest * (HEIGHT - 30), 1
        )

    parts = [_text(2, place(0, highest / 1.05)[1], f"{highest / 1.05:.0f}"), _text(2, place(0, 0)[1], "0")]
    parts.append(_text(WIDTH - 2 * MARGIN, HEIGHT - 4, f"{longest:.0f} s"))
    for mark in marks:
        x = place(mark, 0)[0]
        parts.append(f'<line x1="{x}" x2="{x}" y1="10" y2="{HEIGHT - 20}" stroke="#bbb" stroke-dasharray="3"/>')
    for i, (name, line) in enumerate(lines.items()):
        colour, placed = COLOURS[i % len(COLOURS)], [place(x, y) for x, y in line]
        if dots:
            parts += [f'<circle cx="{x}" cy="{y}" r="1.5" fill="{colour}"/>' for x, y in placed]
        else:
            path = " ".join(f"{x},{y}" for x, y in placed)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
            parts.append(_text(WIDTH - 2 * MARGIN + 50, 14 + 13 * i, name, colour))
    return f'<svg viewBox="0 0 {WIDTH + 90} {HEIGHT}" width="100%">{"".join(parts)}</svg>'


def _text(x: float, y: float, text: str, colour: str = "#333") -> str:
    return f'<text x="{x}" y="{y}" font-size="11" fill="{colour}">{html.escape(text)}</text>'
