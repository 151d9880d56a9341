"""What this machine is, beside whatever was measured on it."""

import os
import platform
import re
from pathlib import Path


def processor() -> str:
    """Returns the processor's name and how many cores it has."""
    found = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{found[0] if found else platform.machine()} x {os.cpu_count()}"
