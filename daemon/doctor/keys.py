"""The master key and the key ring: where they are, who may read them, and what that protects from."""

import stat
from collections.abc import Iterator
from pathlib import Path

from config import Settings
from daemon.doctor.finding import Finding
from daemon.errors import StoreError
from daemon.store.master_key import MasterKey
from daemon.store.vault import Vault


def examine_keys(settings: Settings) -> Iterator[Finding]:
    key = MasterKey.of(settings.privacy.master_key, settings.state)
    vault = Vault.beside(settings.database, key)
    try:
        is_made = vault.ring.path.exists() or settings.database.exists()
    except PermissionError as error:
        detail = f"{error.filename}: {error.strerror}"
        yield Finding("keys", "key ring", "fail", detail, "Run this with sudo, or as the daemon's user")
        return
    if not is_made:
        yield Finding(
            "keys", "master key", "ok", f"{key.reference}; the store will be made with it when the daemon starts"
        )
        return
    yield _master_key(key, settings.state)
    yield _key_ring(vault)


def _master_key(key: MasterKey, state: Path) -> Finding:
    detail = key.reference
    if key.path is None:
        at_hand = "; seen inside of the service only" if key.is_the_services else ""
        return Finding("keys", "master key", "ok", f"{detail}, apart from the data{at_hand}")
    try:
        mode = stat.S_IMODE(key.path.stat().st_mode)
    except OSError as error:
        fix = "Put back the key with which the store was made: without it no template can be read"
        return Finding("keys", "master key", "fail", f"{detail}: {error.strerror}", fix)
    detail += f", mode {mode:o}"
    if key.is_open_to_others:
        return Finding("keys", "master key", "fail", f"{detail}: open to others", f"chmod 600 {key.path}")
    if key.path.resolve().is_relative_to(state.resolve()):
        detail += ", beside the data: erased people stay unreadable in backups of the database, but whoever takes the "
        detail += "whole folder or the disk reads everybody else"
        fix = "Set privacy.master_key to a systemd credential, or keep the state on an encrypted disk"
        return Finding("keys", "master key", "warn", detail, fix)
    return Finding("keys", "master key", "ok", f"{detail}, apart from the data")


def _key_ring(vault: Vault) -> Finding:
    if vault.master_key.is_the_services:
        return Finding("keys", "key ring", "ok", "can be opened inside of the service only")
    try:
        vault.check()
        return Finding("keys", "key ring", "ok", f"the master key opens it; {len(vault.ring.held())} keys")
    except StoreError as error:
        fault, _, fix = str(error).partition(". ")
        return Finding("keys", "key ring", "fail", fault, fix)
