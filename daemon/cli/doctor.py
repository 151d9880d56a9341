"""`deconvid doctor`: what is wrong with this machine, this configuration and these cameras."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from daemon.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, out
from daemon.doctor import Finding, examine
from daemon.exits import EXIT_FAILURE

STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}
SIGNS = {"ok": "✓", "warn": "!", "fail": "✗"}


def doctor(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
    cameras: Annotated[bool, typer.Option("--cameras/--no-cameras", help="Open each camera.")] = True,
) -> None:
    """Examine machine, decoders, runtimes, folders and cameras."""
    findings = []
    for finding in examine(config, cameras):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(EXIT_FAILURE)


def _show(finding: Finding) -> None:
    line = Text(f"{SIGNS[finding.state]} ", style=STYLES[finding.state])
    line.append(f"{finding.area}: {finding.subject}: {finding.detail}", style="default")
    out.print(line, soft_wrap=True)
    if finding.fix:
        out.print(Text(f"  {finding.fix}"), soft_wrap=True)
