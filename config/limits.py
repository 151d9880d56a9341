"""`[limits]`: what a worker may use."""

from pydantic import Field

from config.section import Section


class LimitSettings(Section):
    memory_megabytes: int = Field(2048, ge=256)
    """Memory of one worker, frames not counted. One that holds more for some seconds is started anew: rather a pause of
    a second than a machine without memory."""
