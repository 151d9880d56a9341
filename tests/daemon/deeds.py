"""Somebody who changes people in a store until they are killed, and keeps a diary of it."""

import random
from collections.abc import Iterator
from pathlib import Path

from daemon.store import Store
from tests.daemon.factories import make_template, unit

NAMES = [f"Person {letter}" for letter in "ABCDEF"]
People = dict[str, int]
"""Number of templates by name."""
Deed = tuple[str, ...]


def after(people: People, deed: Deed) -> People:
    verb, name, *rest = deed
    changed = dict(people)
    if verb == "enrol":
        changed[name] = changed.get(name, 0) + 1
    elif verb == "rename":
        changed[rest[0]] = changed.pop(name)
    else:
        del changed[name]
    return changed


def deeds(people: People, dice: random.Random) -> Iterator[Deed]:
    while True:
        free = [name for name in NAMES if name not in people]
        known = sorted(people)
        deed: Deed = ("enrol", dice.choice(NAMES))
        if known and dice.random() < 0.5:
            deed = ("erase", dice.choice(known))
        elif known and free and dice.random() < 0.2:
            deed = ("rename", dice.choice(known), dice.choice(free))
        people = after(people, deed)
        yield deed


def change_until_killed(database: Path, diary: Path, people: People, seed: int) -> None:
    """Opens the store anew for each deed: to finish what was interrupted may be interrupted too."""
    with diary.open("a") as file:
        for number, deed in enumerate(deeds(people, random.Random(seed))):
            with Store.open(database) as store:
                print(*deed, sep="\t", file=file, flush=True)
                verb, name, *rest = deed
                if verb == "enrol":
                    store.people.enrol(name, make_template(unit(number)))
                else:
                    getattr(store.people, verb)(name, *rest)
                print("done", file=file, flush=True)


def read_diary(diary: Path, people: People) -> list[People]:
    """Returns what may be in the store: all that was done, and perhaps what had been begun."""
    possible = [people]
    for line in diary.read_text().splitlines() if diary.exists() else ():
        possible = possible[-1:] if line == "done" else [possible[-1], after(possible[-1], tuple(line.split("\t")))]
    return possible
