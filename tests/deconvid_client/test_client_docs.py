"""The lines that newcomers copy do what the page says."""

import os
import select
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.deconvid_client.bus_double import BusDouble

ROOT = Path(__file__).parents[2]


def test_the_program_of_the_readme_print_who_is_there(bus: BusDouble) -> None:
    section = (ROOT / "README.md").read_text().partition("## From a program\n\n")[2]
    program = textwrap.dedent(section.partition("\n\n(The service")[0])
    assert "ipc:///run/deconvid/events" in program
    program = program.replace("ipc:///run/deconvid/events", bus.endpoint)
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TZ": "UTC"},
    )
    assert process.stdout
    while not select.select([process.stdout], [], [], 0.05)[0]:
        bus.publish("face.identified")  # again, as it begins with what comes after it has connected
    line = process.stdout.readline()
    process.kill()
    process.communicate()
    assert line == "2026-01-02 03:04:05.000006+00:00 door Ada\n"
