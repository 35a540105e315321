"""Schemas and how one grows out of another: a list of scripts and the number of those a file has seen.

A schema only ever gains scripts at its end; ``PRAGMA user_version`` counts the applied ones. A file from a newer
version is left alone, with words, instead of being read wrongly.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from mattegate.ledger.connection import transaction
from mattegate.vocabulary.refusal import Refusal

CONTROL: Final = (
    (
        """CREATE TABLE epoch (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            value INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            head TEXT NOT NULL
        ) STRICT""",
        "INSERT INTO epoch VALUES (1, 1, 0, printf('%064d', 0))",
        """CREATE TABLE identities (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            tier TEXT NOT NULL,
            scopes TEXT NOT NULL,
            state TEXT NOT NULL,
            limits TEXT NOT NULL,
            created_at REAL NOT NULL,
            contact TEXT NOT NULL,
            notes TEXT NOT NULL,
            changed INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX identities_changed ON identities (changed)",
        """CREATE TABLE keys (
            id TEXT PRIMARY KEY,
            identity TEXT NOT NULL REFERENCES identities (id),
            name TEXT NOT NULL,
            environment TEXT NOT NULL,
            state TEXT NOT NULL,
            created_at REAL NOT NULL,
            expires_at REAL,
            replaced_by TEXT NOT NULL,
            scopes TEXT,
            addresses TEXT NOT NULL,
            origins TEXT NOT NULL,
            models TEXT NOT NULL,
            digest BLOB NOT NULL UNIQUE,
            pepper_version INTEGER NOT NULL,
            "foreign" INTEGER NOT NULL,
            brand TEXT NOT NULL,
            enabled_at REAL NOT NULL,
            changed INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX keys_changed ON keys (changed)",
        "CREATE INDEX keys_identity ON keys (identity)",
        # Apart from the keys, because it changes every minute, without an audit entry and without a new epoch.
        """CREATE TABLE key_use (
            key TEXT PRIMARY KEY REFERENCES keys (id),
            used_at REAL,
            reminded_at REAL
        ) STRICT""",
        """CREATE TABLE admins (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            digest BLOB NOT NULL,
            pepper_version INTEGER NOT NULL,
            state TEXT NOT NULL,
            created_at REAL NOT NULL
        ) STRICT""",
        """CREATE TABLE audit (
            seq INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            actor TEXT NOT NULL,
            act TEXT NOT NULL,
            subject TEXT NOT NULL,
            details TEXT NOT NULL,
            previous TEXT NOT NULL,
            hash TEXT NOT NULL
        ) STRICT""",
        "CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit entries stay'); END",
        "CREATE TRIGGER audit_is_fixed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit entries stay'); END",
    ),
    (
        "ALTER TABLE keys ADD COLUMN kind TEXT NOT NULL DEFAULT 'api'",
        "ALTER TABLE keys ADD COLUMN algorithm TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE keys ADD COLUMN schemes TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE keys ADD COLUMN require TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE keys ADD COLUMN material BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE keys ADD COLUMN kek_version INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE keys ADD COLUMN url_hosts TEXT NOT NULL DEFAULT '[]'",
    ),
)
"""``control.db``. ``epoch`` is one row: the epoch that claims compare, and the last audit entry.

``changed`` is the epoch of a row's last change, so that a snapshot is brought up to date by reading what changed.
"""


SIGNING_SINCE: Final = 2
"""The version of ``control.db`` from which on it may hold secrets that are sealed."""


def version_of(file: Path) -> int:
    """How many scripts a file has seen; the newest version where it cannot be read, so that nothing is made for it."""
    try:
        return stored_version(file)
    except sqlite3.Error:
        return len(CONTROL)


def stored_version(file: Path) -> int:
    """How many scripts a file has seen; nothing is written. Raises ``sqlite3.Error``."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
        return _version(connection)


def migrate(connection: sqlite3.Connection, schema: Sequence[Sequence[str]], *, name: str) -> None:
    """Bring the database to the newest schema; every script is one transaction, and two processes may try at once.

    Raises :class:`Refusal` ``home.newer`` for a file that a newer version wrote, and ``sqlite3.Error``.
    """
    while (version := _version(connection)) < len(schema):
        with transaction(connection):
            if _version(connection) != version:
                continue  # another process has applied it meanwhile
            for statement in schema[version]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version + 1}")
    require_known(version, len(schema), name=name)


def require_known(found: int, known: int, *, name: str) -> None:
    """Raises :class:`Refusal` ``home.newer`` for a file that a newer version wrote."""
    if found > known:
        raise Refusal("home.newer", file=name, found=found, known=known)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
