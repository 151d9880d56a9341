"""Whose photos an import takes, out of folders; roster_csv has the other way."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.errors import DeconvIDError
from daemon.store import Consent, InvalidNameError
from daemon.store.names import name_key, normalise_name

READABLE = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
UNREADABLE = frozenset({".heic", ".heif", ".tif", ".tiff", ".gif", ".avif"})
"""Pictures too: they are refused with a reason, where a text beside the photos is passed over."""
MOST_FAULTS = 20


class RosterError(DeconvIDError):
    """A folder or list that does not say whose photos these are; tells every fault of it."""

    def __init__(self, source: Path, faults: Sequence[str]) -> None:
        more = [f"... and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
        super().__init__("\n  ".join([f"{source}: nothing was imported", *faults[:MOST_FAULTS], *more]))


@dataclass(frozen=True, slots=True)
class Entry:
    """A photo, and whose it is."""

    name: str
    photo: Path
    consent: Consent | None = None
    """On what ground and until when the person is kept; None: what is on record stays."""


def find_photos(sources: Iterable[Path]) -> list[Path]:
    """Returns the files, and the pictures in the folders and their subfolders; each once, in a stable order."""
    found: dict[Path, None] = {}
    for source in sources:
        found.update(dict.fromkeys(_pictures_in(source) if source.is_dir() else [source]))
    return list(found)


def read_folders(source: Path) -> list[Entry]:
    """Returns the photos of a folder that has a subfolder for each person, named as the person.

    Raises:
        RosterError: it cannot be read, has no subfolder, two name one person, or one has an impossible name.
    """
    faults: list[str] = []
    seen: dict[str, str] = {}
    entries: list[Entry] = []
    for folder in _subfolders(source):
        try:
            name, key = normalise_name(folder.name), name_key(folder.name)
        except InvalidNameError as error:
            faults.append(
                f"{folder.name!r}: {error if _is_text(folder.name) else 'the name is no UTF-8. Rename the folder'}"
            )
            continue
        if other := seen.get(key):
            faults.append(f"{other!r} and {folder.name!r} are one name. If they are two people, rename one")
        seen[key] = folder.name
        entries += [Entry(name, photo) for photo in find_photos([folder])]
    if not seen and not faults:
        faults.append(
            "there is no subfolder. Make one for each person, named as the person; `people add` takes a folder of one"
        )
    if faults:
        raise RosterError(source, faults)
    return entries


def _subfolders(source: Path) -> list[Path]:
    try:
        return sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise RosterError(source, [f"cannot be read ({error.strerror}). Check the permissions"]) from error


def _is_text(name: str) -> bool:
    """Whether it has no byte that Python could not decode."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _pictures_in(folder: Path) -> Iterator[Path]:
    """What begins with a dot is no photo: macOS leaves `._photo.jpg` beside each on other people's disks."""
    kinds = READABLE | UNREADABLE
    files = (path for path in folder.rglob("*") if path.suffix.lower() in kinds and path.is_file())
    return iter(sorted(path for path in files if not path.name.startswith(".")))
