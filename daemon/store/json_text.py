"""Members of JSON that is kept as text, in the words of either database."""

from typing import Any

from sqlalchemy import ColumnElement, String, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class json_member(GenericFunction[Any]):  # noqa: N801  # named as SQL functions are
    """A member as text; NULL if it is null or not there."""

    type = Text()
    inherit_cache = True


class json_cleared(GenericFunction[str]):  # noqa: N801
    """The text with a member that is null."""

    type = Text()
    inherit_cache = True


def member(text: ColumnElement[str] | Any, name: str) -> ColumnElement[str | None]:
    return json_member(text, literal(name, String))


def cleared(text: ColumnElement[str] | Any, name: str) -> ColumnElement[str]:
    return json_cleared(text, literal(name, String))


@compiles(json_member, "sqlite")
def _(function: json_member, compiler: SQLCompiler, **options: Any) -> str:
    text, name = (compiler.process(part, **options) for part in function.clauses)
    return f"json_extract({text}, '$.' || {name})"


@compiles(json_cleared, "sqlite")
def _(function: json_cleared, compiler: SQLCompiler, **options: Any) -> str:
    text, name = (compiler.process(part, **options) for part in function.clauses)
    return f"json_set({text}, '$.' || {name}, NULL)"


@compiles(json_member, "postgresql")
def _(function: json_member, compiler: SQLCompiler, **options: Any) -> str:
    text, name = (compiler.process(part, **options) for part in function.clauses)
    return f"(CAST({text} AS json) ->> {name})"


@compiles(json_cleared, "postgresql")
def _(function: json_cleared, compiler: SQLCompiler, **options: Any) -> str:
    text, name = (compiler.process(part, **options) for part in function.clauses)
    return f"CAST(jsonb_set(CAST({text} AS jsonb), ARRAY[{name}], 'null') AS text)"
