"""How long something is kept."""

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

NEVER = "never"

DaysOrNever = Annotated[
    Annotated[int, Field(ge=1)] | None,
    BeforeValidator(lambda value: None if value == NEVER else value),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "const": NEVER}]}),
]
"""Days after which it goes. TOML has no null: `"never"` is None."""
