"""What `deconvid unknowns` shows."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from config import DeconvIDError
from daemon.cli.common import counted, err, out, print_table
from daemon.identity.class_retention import Overdue
from daemon.private_files import make_private_folder, replace_private
from daemon.store.stranger_records import StrangerCrop, StrangerEntry, label_of


def print_entries(entries: Sequence[StrangerEntry], as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps([_entry_json(entry) for entry in entries]))
        return
    table = Table("unknown", "sightings", "first seen", "last seen", "cameras", "state")
    for entry in entries:
        seen = _local(entry.first_seen), _local(entry.last_seen)
        cameras = ", ".join(entry.cameras)
        table.add_row(label_of(entry.id), str(entry.sightings), *seen, cameras, escape(_state(entry)))
    if entries:
        print_table(table)
    else:
        err.print("nobody unknown is remembered")


def print_entry(entry: StrangerEntry, pictures: Sequence[StrangerCrop], as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(_entry_json(entry) | {"pictures": [_picture_json(one) for one in pictures]}))
        return
    seen = f"seen {counted(entry.sightings, 'time')} from {_local(entry.first_seen)} to {_local(entry.last_seen)}"
    out.print(f"[bold]{label_of(entry.id)}[/bold]  {escape(_state(entry))}  {seen}", soft_wrap=True)
    table = Table("picture", "camera", "seen", "quality")
    for one in pictures:
        table.add_row(str(one.likeness), one.camera, _local(one.seen_at), f"{one.quality:.2f}")
    if pictures:
        print_table(table)


def print_overdue(overdue: Overdue, dry_run: bool, as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(asdict(overdue)))
        return
    counts = {
        "events lose a name": overdue.events_with_names,
        "unknown": len(overdue.unknown),
        "ignored": len(overdue.ignored),
        "named, the number alone": len(overdue.named),
    }
    table = Table("class", "would be forgotten" if dry_run else "forgotten")
    for name, count in counts.items():
        table.add_row(name, str(count))
    print_table(table)


def write_pictures(folder: Path, number: int, pictures: Sequence[StrangerCrop]) -> None:
    """Raises DeconvIDError: they cannot be written."""
    try:
        make_private_folder(folder)
        for one in pictures:
            replace_private(folder / f"{label_of(number)}-{one.likeness}-{one.camera}.jpg", one.jpeg)
    except OSError as error:
        raise DeconvIDError(f"{folder}: {error.strerror}. Name another folder") from error


def _state(entry: StrangerEntry) -> str:
    if entry.merged_into is not None:
        return f"{label_of(entry.merged_into)} now"
    if entry.state == "named":
        return entry.person or "named"
    return "ignored" if entry.state == "ignored" else ""


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _entry_json(entry: StrangerEntry) -> dict[str, object]:
    return asdict(entry) | {
        "unknown": label_of(entry.id),
        "first_seen": entry.first_seen.isoformat(),
        "last_seen": entry.last_seen.isoformat(),
    }


def _picture_json(picture: StrangerCrop) -> dict[str, object]:
    return {
        "picture": picture.likeness,
        "camera": picture.camera,
        "seen_at": picture.seen_at.isoformat(),
        "quality": round(picture.quality, 4),
    }
