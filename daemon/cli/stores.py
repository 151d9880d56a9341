"""How commands open the identity store."""

import os
import pwd

from config import Settings
from daemon.store import Store


def open_store(settings: Settings) -> Store:
    """Returns the store that the settings name, for changes by whoever runs this command.

    Raises:
        StoreError: it cannot be opened.
    """
    return Store.of(settings, f"cli:{_user()}")


def _user() -> str:
    """Returns the user's name for the audit log: the kernel's word, and behind it whom sudo names."""
    user_id = os.getuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:
        name = str(user_id)  # a container's user without an entry
    caller = os.environ.get("SUDO_USER", "")
    return f"{name} (sudo: {caller})" if user_id == 0 and caller else name
