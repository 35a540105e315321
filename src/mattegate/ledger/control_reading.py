"""Reading ``control.db`` row by row, on one connection under one lock."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from mattegate.ledger.audit import Head
from mattegate.ledger.connection import answering
from mattegate.ledger.control import AdminRow, KeyRow
from mattegate.ledger.control_rows import (
    ADMINS,
    AUDIT,
    IDENTITIES,
    KEYS,
    Columns,
    admin_of,
    entry_of,
    identity_of,
    key_of,
    read,
)
from mattegate.ledger.protocols import AuditEntry, IdentityRow

Row = TypeVar("Row")

_PAGE: Final = 500
"""How many audit entries are read at a time."""


class SqliteRows:
    """The rows as the connection sees them, its own unfinished transaction included.

    Whoever holds ``lock`` has the connection to itself; it can be taken again by the thread that holds it.
    """

    def __init__(self, connection: sqlite3.Connection, lock: threading.RLock) -> None:
        self._connection, self._lock = connection, lock

    def identity(self, name_or_id: str) -> IdentityRow | None:
        """The identity of that id, or else of that name."""
        where = f"{IDENTITIES} WHERE ?1 IN (i.id, i.name) ORDER BY i.id = ?1 DESC LIMIT 1"
        return self._first(identity_of, where, name_or_id)

    def identities(self) -> tuple[IdentityRow, ...]:
        """All of them, oldest first."""
        return self._all(identity_of, f"{IDENTITIES} ORDER BY i.rowid")

    def key(self, key_id: str) -> KeyRow | None:
        """The key of that id."""
        return self._first(key_of, f"{KEYS} WHERE k.id = ?", key_id)

    def key_by_digest(self, digest: bytes) -> KeyRow | None:
        """The key of that digest."""
        return self._first(key_of, f"{KEYS} WHERE k.digest = ?", digest)

    def keys(self, identity: str = "") -> tuple[KeyRow, ...]:
        """All of them, or those of one identity (by id), oldest first."""
        return self._all(key_of, f"{KEYS} WHERE ? IN ('', k.identity) ORDER BY k.rowid", identity)

    def admin(self, name_or_id: str) -> AdminRow | None:
        """The admin of that id, or else of that name."""
        return self._first(admin_of, f"{ADMINS} WHERE ?1 IN (id, name) ORDER BY id = ?1 DESC LIMIT 1", name_or_id)

    def admins(self) -> tuple[AdminRow, ...]:
        """All of them, oldest first."""
        return self._all(admin_of, f"{ADMINS} ORDER BY rowid")

    def audit(self, after: int = 0) -> Iterator[AuditEntry]:
        """The audit log, a page at a time: nobody holds the lock between pages."""
        while entries := self._all(entry_of, f"{AUDIT} WHERE seq > ? ORDER BY seq LIMIT {_PAGE}", after):
            yield from entries
            after = entries[-1].seq

    def head(self) -> Head:
        """The newest audit entry, as kept beside the epoch."""
        with self._lock, answering("control"):
            return Head(*self._connection.execute("SELECT seq, head FROM epoch").fetchone())

    def _all(self, decode: Callable[[Columns], Row], statement: str, *values: object) -> tuple[Row, ...]:
        with self._lock, answering("control"):
            rows = self._connection.execute(statement, values).fetchall()
        return tuple(read(decode, row) for row in rows)

    def _first(self, decode: Callable[[Columns], Row], statement: str, *values: object) -> Row | None:
        return next(iter(self._all(decode, statement, *values)), None)
