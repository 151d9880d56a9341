"""`[log]`: what is logged, and in which form."""

from typing import Literal

from pydantic import Field

from config.section import Section


class LogSettings(Section):
    """Logs go to stderr, or to the journal where systemd runs the daemon. They hold no secret and no person's name."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged; `deconvid run --verbose` sets `debug`."""
    format: Literal["auto", "console", "journal", "json"] = "auto"
    """`console` is for people, `json` one object a line, `journal` the native protocol of systemd's journal with a
    field for each value; `auto` takes the journal where it holds stderr, else the console."""
    repeats: int = Field(20, ge=1, le=100_000)
    """How often the same event of the same camera or worker is logged in a window; what comes after is counted."""
    repeat_window_s: float = Field(60.0, ge=1, le=86_400)
    """Length of that window; at its end one line says how many were left out."""
