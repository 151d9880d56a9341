"""What `deconvid unknowns` is given."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from config import load_settings
from daemon.cli.stores import open_store
from daemon.identity.stranger_orders import StrangerOrders
from daemon.store.stranger_records import id_of


def read_number(text: str) -> int:
    """Raises typer.BadParameter: it is no number of a stranger."""
    number = id_of(text)
    if number is None:
        raise typer.BadParameter(f"{text!r} is no unknown-12 and no 12", param_hint="UNKNOWN")
    return number


def read_numbers(texts: Sequence[str]) -> list[int]:
    """Returns each once. Raises typer.BadParameter: one is no number of a stranger."""
    return list(dict.fromkeys(map(read_number, texts)))


@contextmanager
def open_orders(config: Path) -> Iterator[StrangerOrders]:
    """Raises DeconvIDError: the configuration or the store cannot be used."""
    settings = load_settings(config, secrets=False)
    with open_store(settings) as store:
        yield StrangerOrders.of(store, settings)
