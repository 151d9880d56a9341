"""Whose photos an import takes, out of a list: a CSV file with name, photo[, consent_basis, expires]."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from daemon.enrolment.roster import Entry, RosterError, find_photos
from daemon.store import Consent, InvalidNameError
from daemon.store.days import end_of_day
from daemon.store.names import name_key, normalise_name

REQUIRED, OPTIONAL = ("name", "photo"), ("consent_basis", "expires")
LARGEST_BYTES = 100_000_000
LONGEST_BASIS = 200


def read_list(source: Path) -> list[Entry]:
    """Returns the photos of a list, whose first line names the columns.

    A photo is a file or a folder, and relative to the list's own folder. `expires` is the last day on which the person
    is kept. What one line of a person says of consent holds for all. The separator is a comma or, as spreadsheets write
    it in half of Europe, a semicolon.

    Raises:
        RosterError: with every fault of the list and its line.
    """
    faults: list[str] = []
    entries: list[Entry] = []
    consents: dict[str, Consent] = {}
    with _opened(source) as file:
        reader = csv.DictReader(file, delimiter=_separator(file), strict=True, restval="")
        _check_columns(source, reader.fieldnames or [])
        for row in reader:
            try:
                entries += _entries(row, source.parent, consents)
            except (ValueError, InvalidNameError) as error:
                faults.append(f"line {reader.line_num}: {error}")
    if not entries and not faults:
        faults.append("there is nobody in it. Write a line for each photo")
    if faults:
        raise RosterError(source, faults)
    return [replace(entry, consent=consents.get(name_key(entry.name))) for entry in entries]


def _entries(row: dict[str | None, str], folder: Path, consents: dict[str, Consent]) -> list[Entry]:
    """Notes the consent too. Raises ValueError or InvalidNameError."""
    if None in row:
        raise ValueError("has more columns than the first line. Put text with a separator in quotes")
    name, photo = normalise_name(row["name"]), row["photo"].strip()
    if not photo:
        raise ValueError("has no photo. Write its path, from the folder of this list")
    basis, expires = (row.get(column, "").strip() for column in OPTIONAL)
    if basis or expires:
        consent = Consent(_basis(basis), end_of_day(expires) if expires else None)
        if consents.setdefault(name_key(name), consent) != consent:
            raise ValueError(f"{name!r} has another consent_basis or expires in a line before. Write the same")
    return [Entry(name, path) for path in find_photos([_existing(folder, photo)])]


def _existing(folder: Path, photo: str) -> Path:
    path = folder / photo
    try:
        path.stat()
    except (OSError, ValueError):  # a NUL is the latter
        raise ValueError(f"photo {photo!r} cannot be found. Write its path, from the folder of this list") from None
    return path


def _basis(text: str) -> str | None:
    if len(text) > LONGEST_BASIS:
        raise ValueError(f"consent_basis has {len(text)} characters. Use at most {LONGEST_BASIS}")
    return text or None


@contextmanager
def _opened(source: Path) -> Iterator[TextIO]:
    """Turns what reading can raise into a RosterError."""
    try:
        if source.stat().st_size > LARGEST_BYTES:
            raise RosterError(source, [f"is larger than {LARGEST_BYTES // 10**6} MB. Is it a list?"])
        with source.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except OSError as error:
        raise RosterError(source, [f"cannot be read ({error.strerror}). Check name and permissions"]) from error
    except UnicodeDecodeError as error:
        raise RosterError(source, ["is not UTF-8. Save it as `CSV UTF-8`"]) from error
    except csv.Error as error:
        raise RosterError(source, [f"is no CSV ({error}). Save it anew out of a spreadsheet"]) from error


def _separator(file: TextIO) -> str:
    head = file.readline()
    file.seek(0)
    return ";" if head.count(";") > head.count(",") else ","


def _check_columns(source: Path, columns: Sequence[str]) -> None:
    allowed = ", ".join(REQUIRED + OPTIONAL)
    faults = [
        f"column {name!r} is missing. The first line names the columns" for name in REQUIRED if name not in columns
    ]
    unknown = [name for name in columns if name not in REQUIRED + OPTIONAL]
    faults += [f"column {name!r} is unknown. Known are {allowed}" for name in unknown]
    if faults:
        raise RosterError(source, faults)
