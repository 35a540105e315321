"""Opening SQLite files, and turning what SQLite says into :class:`~mattegate.ledger.protocols.Unavailable`.

Rules of this file:

1. A database is readable by its owner alone, and is in WAL mode, so that readers and the one writer never wait for
   each other.
2. A connection may be handed between threads (SQLite itself is compiled thread-safe, and connections are opened for
   it), but a *transaction* belongs to whoever began it: whoever shares a connection holds a lock of its own around it.
3. Transactions are written out. The ``sqlite3`` module begins none of its own.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from mattegate.ledger.protocols import Unavailable

BUSY_MS: Final = 5_000
"""How long a connection waits for another process that is writing."""

TROUBLE: Final = (sqlite3.Error, OSError)
"""What SQLite and the file system refuse with."""

_OPENING_TRIES: Final = 50


@contextmanager
def answering(dependency: str) -> Iterator[None]:
    """Whatever SQLite or the file system refuses inside is :class:`Unavailable` of ``dependency``."""
    try:
        yield
    except TROUBLE as error:
        raise unavailable(dependency, error) from error


def unavailable(dependency: str, error: Exception) -> Unavailable:
    """What :func:`answering` raises, for whoever is asked so often that a context manager is too dear."""
    return Unavailable(dependency, str(error) or type(error).__name__)


def open_database(path: Path, *, synchronous: Literal["FULL", "NORMAL"], busy_ms: int = BUSY_MS) -> sqlite3.Connection:
    """A connection to ``path``, created with mode 0600 where it is missing; autocommit, WAL, foreign keys checked.

    ``FULL`` keeps a committed change through a power loss; ``NORMAL`` only through the death of the process.

    Raises ``sqlite3.Error``, which names ``path``, and ``OSError``.
    """
    _create_private(path)
    connection = sqlite3.connect(path, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False)
    try:
        _enter_wal(connection)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
    except sqlite3.Error as error:
        connection.close()
        error.args = (f"{path}: {error}",)  # SQLite never says which file
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _create_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Only a file that is not there yet is opened: closing another descriptor of a database drops the locks that this
    # process holds on it (https://sqlite.org/howtocorrupt.html, section 2.2).
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; when two processes do this at once SQLite answers "locked" without waiting, so try again."""
    for _ in range(_OPENING_TRIES - 1):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            time.sleep(0.02)
        else:
            return
    connection.execute("PRAGMA journal_mode = WAL")


@contextmanager
def transaction(connection: sqlite3.Connection, mode: Literal["DEFERRED", "IMMEDIATE"] = "IMMEDIATE") -> Iterator[None]:
    """All of what happens inside, or nothing. ``IMMEDIATE`` keeps other writers out from the first statement on."""
    connection.execute(f"BEGIN {mode}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled it back already
            connection.execute("ROLLBACK")
        raise
