"""The open ``usage.db``: one writer and one reader connection, each behind a lock of its own.

``synchronous = NORMAL`` in WAL mode: a committed claim survives ``kill -9`` of every process, because it lies in the
page cache of the system. A power loss may take the commits since the last checkpoint, which is synced; what is left is
whole, never half a claim. Checkpoints are made by :meth:`UsageDatabase.checkpoint`, which the meter's sweep calls, on
the reader's connection: the writer does not wait for the disk. Only a log that has grown to :data:`_LOG_PAGES` is
checkpointed by the claim that finds it so.

``control.db`` is attached read-only, so that a claim compares the epoch inside its own transaction without locking
the writers of keys out: ``BEGIN IMMEDIATE`` takes only a read snapshot of a read-only attachment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Final
from urllib.parse import quote

from mattegate.ledger.connection import BUSY_MS, open_database, transaction
from mattegate.ledger.migrations import migrate
from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.usage_schema import USAGE

_LOG_PAGES: Final = 8_000
_OUR_BUGS: Final = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError)


class UsageDatabase:
    """A ``usage.db``, shared by the meter, the book, the outbox and the counters.

    ``path`` ``None`` keeps it in memory. ``control``: the ``control.db`` whose epoch claims are compared with; without
    one, ``epoch`` may say it, and without either epochs are not compared.

    Raises :class:`~mattegate.ledger.protocols.Unavailable` where a file cannot be opened.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        control: Path | None = None,
        epoch: Callable[[], int] | None = None,
        busy_ms: int = BUSY_MS,
    ) -> None:
        self._tell_epoch = epoch
        self._attached = control is not None
        with _answering():
            self._writer = _open(path, busy_ms)
            self._reader = self._writer if path is None else _open(path, busy_ms)
            migrate(self._writer, USAGE, name="usage.db")
        self._writing = RLock()
        self._reading = self._writing if path is None else RLock()
        if control is not None:
            self._attach(control)
        if path is not None:
            self._reader.execute("PRAGMA query_only = ON")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that no other writer can come between; all of it or, after an exception, nothing."""
        with self._writing, _answering(), transaction(self._writer):
            yield self._writer

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One snapshot. It holds up no writer, but other readers: read long lists in pages."""
        with self._reading, _answering(), transaction(self._reader, "DEFERRED"):
            yield self._reader

    def checkpoint(self) -> None:
        """Bring the log into the database and to the disk, beside claims that go on; what is in use waits."""
        with self._reading, _answering():
            self._reader.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def epoch(self, db: sqlite3.Connection) -> int | None:
        """The newest epoch as seen by the transaction on ``db``; ``None`` where there is nothing to compare with."""
        if self._attached:
            try:
                return int(db.execute("SELECT value FROM control.epoch").fetchone()[0])
            except (sqlite3.Error, TypeError) as error:
                raise Unavailable("control", f"its epoch cannot be read: {error}") from error
        return self._tell_epoch() if self._tell_epoch else None

    def close(self) -> None:
        """Close the file; a database in memory is gone."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    def _attach(self, control: Path) -> None:
        try:
            self._writer.execute("ATTACH ? AS control", (f"file:{quote(str(control))}?mode=ro",))
        except sqlite3.Error as error:
            raise Unavailable("control", f"{control.name} cannot be read: {error}") from error


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except _OUR_BUGS:
        raise
    except (sqlite3.Error, OSError) as error:
        raise Unavailable("ledger", str(error) or type(error).__name__) from error


def _open(path: Path | None, busy_ms: int) -> sqlite3.Connection:
    """A connection that understands ``file:`` addresses, which attaching read-only needs."""
    if path is not None:
        open_database(path, synchronous="NORMAL", busy_ms=busy_ms).close()  # creates it privately and enters WAL
    address = ":memory:" if path is None else f"file:{quote(str(path))}"
    db = sqlite3.connect(address, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False, uri=True)
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    return db
