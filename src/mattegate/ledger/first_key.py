"""The first key of a home, for whoever has just started: it goes into a file of their own, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from mattegate.ledger.opening import Accounts
from mattegate.vocabulary.refusal import Refusal

FILE: Final = "first-key"
OWNER: Final = "owner"
"""The identity that the first key belongs to."""


def first_key_file(home: Path) -> Path:
    """Where the first key lies, if it was ever made."""
    return home / FILE


def make_first_key(accounts: Accounts, home: Path, *, tier: str, actor: str) -> Path | None:
    """Make a key where there is none at all; returns its file, mode 0600, or ``None`` where keys exist.

    Raises :class:`~mattegate.vocabulary.refusal.Refusal` ``file.unwritable``, ``account.*``, and ``Unavailable``.
    """
    if accounts.control.keys():
        return None
    identity = accounts.control.identity(OWNER)
    if identity is None:
        identity = accounts.desk.create_identity(OWNER, tier=tier, actor=actor, scopes=("*",))
    file = first_key_file(home)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            os.fchmod(descriptor, 0o600)
            minted = accounts.desk.create_key(identity.view.id, name="first", actor=actor)
            out.write(minted.text + "\n")
    except OSError as error:
        raise Refusal("file.unwritable", path=str(file), problem=error.strerror or str(error)) from error
    return file
