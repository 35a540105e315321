"""The control store in SQLite: one file that a running server and the command line share.

How it may be used from several threads: there are two connections, each under a lock of its own. The *watch* answers
:meth:`SqliteControl.snapshot` and nothing else, so that the event loop never waits behind a write; the *desk* does
everything else and may wait for the disk or for another process. In WAL mode neither waits for the other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from mattegate.ledger.audit import chained
from mattegate.ledger.connection import BUSY_MS, answering, open_database, transaction
from mattegate.ledger.control import Change, Control, Decide, Result
from mattegate.ledger.control_reading import SqliteRows
from mattegate.ledger.control_rows import (
    PUT_ADMIN,
    PUT_ENTRY,
    PUT_IDENTITY,
    PUT_KEY,
    admin_columns,
    entry_columns,
    identity_columns,
    key_columns,
)
from mattegate.ledger.control_watch import Watch
from mattegate.ledger.migrations import CONTROL, migrate
from mattegate.ledger.protocols import Snapshot

FILE: Final = "control.db"

_TOUCH: Final = (
    "INSERT INTO key_use (key, used_at) SELECT id, :at FROM keys WHERE id = :key"
    " ON CONFLICT (key) DO UPDATE SET used_at = max(ifnull(used_at, :at), :at)"
)
_REMIND: Final = (
    "INSERT INTO key_use (key, reminded_at) SELECT id, :at FROM keys WHERE id = :key"
    " ON CONFLICT (key) DO UPDATE SET reminded_at = :at"
)


class SqliteControl(SqliteRows, Control):
    """``<directory>/control.db``, made where it is missing and brought to the newest schema.

    A committed change is on the disk (``synchronous = FULL``): it outlives ``kill -9`` and the loss of power.

    Raises ``Unavailable`` where the file cannot be opened, and :class:`~mattegate.vocabulary.refusal.Refusal`
    ``home.newer`` where a newer version wrote it.
    """

    def __init__(self, directory: Path, *, busy_ms: int = BUSY_MS) -> None:
        with answering("control"):
            self._desk = open_database(directory / FILE, synchronous="FULL", busy_ms=busy_ms)
            try:
                migrate(self._desk, CONTROL, name=FILE)
                self._watch = Watch(directory / FILE, busy_ms=busy_ms)
            except BaseException:
                self._desk.close()
                raise
        super().__init__(self._desk, threading.RLock())

    def snapshot(self) -> Snapshot:
        """The newest state, whoever changed it."""
        return self._watch.snapshot()

    def change(self, decide: Decide[Result], *, actor: str, at: float) -> Result:
        """Decide and write in one transaction that no other process can come between."""
        with self._lock, answering("control"), transaction(self._desk):
            result, change = decide(self)
            for each in change.in_order() if change is not None else ():
                self._put(each, actor, at)
            return result

    def _put(self, change: Change, actor: str, at: float) -> None:
        entry = chained(
            self.head(), at=at, actor=actor, act=change.act, subject=change.subject, details=change.details
        )  # fmt: skip
        put = self._desk.execute
        ((epoch,),) = put(
            "UPDATE epoch SET value = value + 1, seq = ?, head = ? RETURNING value", (entry.seq, entry.hash)
        ).fetchall()
        for identity in change.identities:
            put(PUT_IDENTITY, (*identity_columns(identity), epoch))
        for key in change.keys:
            put(PUT_KEY, (*key_columns(key), epoch))
        for admin in change.admins:
            put(PUT_ADMIN, admin_columns(admin))
        put(PUT_ENTRY, entry_columns(entry))

    def touch(self, used: Mapping[str, float]) -> None:
        """Note last uses, all in one transaction."""
        self._note(_TOUCH, used)

    def remind(self, key_ids: Iterable[str], at: float) -> None:
        """Note that owners were reminded, all in one transaction."""
        self._note(_REMIND, dict.fromkeys(key_ids, at))

    def _note(self, statement: str, times: Mapping[str, float]) -> None:
        with self._lock, answering("control"), transaction(self._desk):
            self._desk.executemany(statement, [{"key": key, "at": float(at)} for key, at in times.items()])

    def close(self) -> None:
        """Close both connections."""
        self._watch.close()
        with self._lock:
            self._desk.close()
