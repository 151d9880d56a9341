"""How commands open the identity store."""

import os
import pwd

from config import Settings
from daemon.errors import StoreError
from daemon.store import MasterKey, Store


def open_store(settings: Settings) -> Store:
    """Returns the store that the settings name, for changes by whoever runs this command.

    Raises:
        StoreError: there is none, or it cannot be opened.
    """
    if settings.store_url is None and not settings.database.exists():
        # To make one where somebody mistyped `state` would leave a master key there, and say that nobody is enrolled.
        raise StoreError(
            f"{settings.state}: holds no identity store. Check `state`; `deconvid run` and `people add` make one"
        )
    return make_store(settings)


def make_store(settings: Settings) -> Store:
    """As `open_store`, but makes the store if there is none."""
    return Store.of(settings, actor())


def open_file(settings: Settings) -> Store:
    """Returns the store in the SQLite file, even if the settings name a database.

    Raises:
        StoreError: there is no such file, or it cannot be opened.
    """
    if not settings.database.exists():
        raise StoreError(f"{settings.database.name}: is not in the state folder. Check `state`; nothing was changed")
    key = MasterKey.of(settings.privacy.master_key, settings.state)
    return Store.open(settings.database, master_key=key, actor=actor())


def actor() -> str:
    """Returns who runs this command, for the audit log."""
    return f"cli:{_user()}"


def _user() -> str:
    """Returns the user's name for the audit log: the kernel's word, and behind it whom sudo names."""
    user_id = os.getuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:
        name = str(user_id)  # a container's user without an entry
    caller = os.environ.get("SUDO_USER", "")
    return f"{name} (sudo: {caller})" if user_id == 0 and caller else name
