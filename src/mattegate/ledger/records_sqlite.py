"""``records.db``: where records lie once they have left the spool, with the rulebooks they were decided under.

Rules of this file: what moves a part's offset also writes the records that lie before it, in one transaction, so that
an import that dies anywhere is neither lost nor done twice. Nobody in a request's way waits for this database.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from mattegate.ledger.connection import answering, open_database, transaction
from mattegate.ledger.migrations import migrate
from mattegate.ledger.protocols import Record, Unavailable
from mattegate.ledger.records_codec import (
    Index,
    Unreadable,
    decode_index,
    decode_record,
    decode_rulebook,
    encode_rulebook,
)
from mattegate.ledger.records_room import DroppedCount
from mattegate.ledger.spool import Line
from mattegate.vocabulary.rulebook import Rulebook

NAME: Final = "records"
"""How :class:`Unavailable` calls it."""
_PAGE: Final = 100
_BATCH: Final = 1_000
_KEPT_OF_DAMAGED: Final = 4_096
"""Bytes kept of a damaged line, for whoever wants to look."""
_BUSY_MS: Final = 2_000

RECORDS: Final = (
    (
        """CREATE TABLE records (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            request_id TEXT NOT NULL,
            at REAL NOT NULL,
            proven INTEGER NOT NULL,
            status INTEGER NOT NULL,
            reason TEXT NOT NULL,
            revision TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX records_request ON records (request_id)",
        "CREATE INDEX records_at ON records (at)",
        "CREATE INDEX records_revision ON records (revision)",
        "CREATE INDEX records_refused ON records (id) WHERE reason != ''",
        "CREATE INDEX records_unproven ON records (id, bytes) WHERE proven = 0",
        """CREATE TABLE rulebooks (
            revision TEXT PRIMARY KEY,
            seq INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT""",
        "CREATE TABLE parts (name TEXT PRIMARY KEY, offset INTEGER NOT NULL) STRICT",
        """CREATE TABLE dropped (
            hour INTEGER NOT NULL,
            reason TEXT NOT NULL,
            count INTEGER NOT NULL,
            PRIMARY KEY (hour, reason)
        ) STRICT""",
        """CREATE TABLE damaged (
            part TEXT NOT NULL,
            offset INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            torn INTEGER NOT NULL,
            line BLOB NOT NULL,
            PRIMARY KEY (part, offset)
        ) STRICT""",
    ),
)
"""``records.db``. A part's ``offset`` is where its next line to import begins."""

_INSERT: Final = """INSERT INTO records (request_id, at, proven, status, reason, revision, bytes, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_MOVE_ON: Final = "INSERT INTO parts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET offset = excluded.offset"
_COUNT: Final = """INSERT INTO dropped VALUES (?, ?, ?)
    ON CONFLICT (hour, reason) DO UPDATE SET count = count + excluded.count"""
_COUNT_TRIMMED: Final = """INSERT INTO dropped
    SELECT CAST(at AS INTEGER) / 3600 * 3600, reason, count(*) FROM records WHERE proven = 0 AND id <= ? GROUP BY 1, 2
    ON CONFLICT (hour, reason) DO UPDATE SET count = count + excluded.count"""
_UNNAMED: Final = """SELECT revision FROM rulebooks WHERE seq < (SELECT max(seq) FROM rulebooks)
    AND NOT EXISTS (SELECT 1 FROM records WHERE records.revision = rulebooks.revision)"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one step of an import came to."""

    records: int = 0
    damaged: int = 0
    torn: int = 0
    unproven_bytes: int = 0
    end: int = 0
    """Where the next step begins."""


class _Intake:
    """Accounts for every line of one step: as a row of the store, or as damage.

    Rows are made one by one while SQLite writes the one before; in between other threads get their turn.
    """

    def __init__(self, part: str, offset: int) -> None:
        self._part = part
        self.end = offset
        self.damage: list[tuple[object, ...]] = []
        self._records = 0
        self._torn = 0
        self._unproven_bytes = 0

    def rows(self, lines: Iterable[Line]) -> Iterator[tuple[object, ...]]:
        """The row of each line that holds a record, for ``_INSERT``."""
        for line in lines:
            self.end = line.end
            found = _index(line)
            if found is None:
                self._damaged(line)
                continue
            size = len(line.raw)
            self._records += 1
            if not line.proven:
                self._unproven_bytes += size
            yield (
                found.request_id, found.at, line.proven, found.status, found.reason, found.revision, size, line.payload,
            )  # fmt: skip

    def taken(self) -> Taken:
        """What all of it came to."""
        damaged = len(self.damage) - self._torn
        return Taken(self._records, damaged, self._torn, self._unproven_bytes, self.end)

    def _damaged(self, line: Line) -> None:
        self._torn += line.torn
        self.damage.append((self._part, line.offset, len(line.raw), line.torn, line.raw[:_KEPT_OF_DAMAGED]))


class StoreReader:
    """Reads ``records.db``, also beside a process that writes it; nothing is there while the file is not.

    Every method raises :class:`Unavailable`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def offsets(self) -> dict[str, int]:
        """How far each part of the spool is imported."""
        return dict(self._rows("SELECT name, offset FROM parts"))

    def find(self, request_id: str) -> Record | None:
        """The newest record of an id."""
        rows = self._rows("SELECT body FROM records WHERE request_id = ? ORDER BY id DESC LIMIT 1", _text(request_id))
        return _read(rows[0][0]) if rows else None

    def newest(self, *, refused: bool) -> Iterator[Record]:
        """All records, the newest first, read page by page."""
        condition = "reason != ''" if refused else "1"
        before = 2**62
        while rows := self._rows(
            f"SELECT id, body FROM records WHERE {condition} AND id < ? ORDER BY id DESC LIMIT {_PAGE}",  # noqa: S608
            before,
        ):
            for before, body in rows:  # noqa: B007 - read after the loop
                yield _read(body)

    def rulebook(self, revision: str) -> Rulebook | None:
        """The rulebook of a revision."""
        return _rulebook(self._rows("SELECT body FROM rulebooks WHERE revision = ?", _text(revision)))

    def newest_rulebook(self) -> Rulebook | None:
        """The rulebook that was kept last."""
        return _rulebook(self._rows("SELECT body FROM rulebooks ORDER BY seq DESC LIMIT 1"))

    def unproven_bytes(self) -> int:
        """What the records of unproven callers take here."""
        rows = self._rows("SELECT coalesce(sum(bytes), 0) FROM records WHERE proven = 0")
        return int(rows[0][0]) if rows else 0

    def dropped(self) -> list[DroppedCount]:
        """What was counted instead of kept, the oldest hour first."""
        return [DroppedCount(*row) for row in self._rows("SELECT hour, reason, count FROM dropped ORDER BY 1, 2")]

    def damaged(self) -> tuple[int, int]:
        """How many lines of the spool were damaged, and how many were torn off before they were acknowledged."""
        rows = self._rows("SELECT count(*) FILTER (WHERE NOT torn), count(*) FILTER (WHERE torn) FROM damaged")
        return rows[0] if rows else (0, 0)

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._lock, answering(NAME):
            if self._connection is None:
                if not self._path.exists():
                    return []
                self._connection = _open_for_reading(self._path)
            return self._connection.execute(query, values).fetchall()


class StoreWriter:
    """Writes ``records.db``; made where it is missing. From any thread.

    Every method raises :class:`Unavailable`, the constructor also :class:`~mattegate.vocabulary.refusal.Refusal`
    ``home.newer``.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        with answering(NAME):
            self._connection = open_database(path, synchronous="FULL", busy_ms=_BUSY_MS)
            migrate(self._connection, RECORDS, name=path.name)

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._connection.close()

    def take_in(self, path: Path, lines: Iterable[Line], *, offset: int) -> Taken | None:
        """Import ``lines``, read from ``offset`` of the part on; ``None`` where another import was here first.

        An offset that is forgotten reads as 0 again, but only once the part itself is gone.
        """
        part = path.name
        with self._writing():
            if self._offset(part) != offset or not path.exists():
                return None
            intake = _Intake(part, offset)
            self._connection.executemany(_INSERT, intake.rows(lines))
            self._connection.executemany("INSERT INTO damaged VALUES (?, ?, ?, ?, ?)", intake.damage)
            if intake.end != offset:
                self._do(_MOVE_ON, (part, intake.end))
            return intake.taken()

    def forget_parts(self, gone: Iterable[str]) -> None:
        """Drop the offsets of parts that are gone; a name never comes back."""
        with self._writing():
            self._connection.executemany("DELETE FROM parts WHERE name = ?", [(name,) for name in gone])

    def count_dropped(self, counts: Sequence[DroppedCount]) -> None:
        """Add to what is counted by hour and reason."""
        with self._writing():
            self._connection.executemany(_COUNT, [(item.hour, _text(item.reason), item.count) for item in counts])

    def keep_rulebook(self, rulebook: Rulebook) -> str:
        """Write a rulebook down as the newest; returns its revision."""
        revision, body = rulebook.revision(), encode_rulebook(rulebook)
        with self._writing():
            newest = self._do("SELECT coalesce(max(seq), 0) FROM rulebooks").fetchone()[0]
            self._do(
                "INSERT INTO rulebooks VALUES (?, ?, ?) ON CONFLICT (revision) DO UPDATE SET seq = excluded.seq",
                (revision, newest + 1, body),
            )
        return revision

    def drop_before(self, before: float) -> int:
        """Delete the records of an earlier time, a batch a transaction, and the counts and damage of that time."""
        with self._writing():
            self._do("DELETE FROM dropped WHERE hour < ?", (before - 3_600,))
            self._do("DELETE FROM damaged WHERE part < ?", (f"{int(before * 1e9):019d}",))
        query = f"DELETE FROM records WHERE id IN (SELECT id FROM records WHERE at < ? LIMIT {_BATCH})"  # noqa: S608
        return self._in_batches(query, before)

    def trim_unproven(self, most: int) -> int:
        """Delete the oldest records of unproven callers until the rest take ``most`` bytes; they are counted."""
        with self._writing():
            edge = self._edge(most)
            self._do(_COUNT_TRIMMED, (edge,))
            return self._do("DELETE FROM records WHERE proven = 0 AND id <= ?", (edge,)).rowcount

    def drop_rulebooks(self, spared: Iterable[str]) -> int:
        """Delete rulebooks that no record names, except the newest and those ``spared``."""
        with self._writing():
            unnamed = self._do(_UNNAMED).fetchall()
            doomed = {revision for (revision,) in unnamed} - set(spared)
            self._connection.executemany("DELETE FROM rulebooks WHERE revision = ?", [(item,) for item in doomed])
        return len(doomed)

    def _edge(self, most: int) -> int:
        """The id up to which unproven callers' records must go, so that the rest take at most ``most`` bytes."""
        excess = self._do("SELECT coalesce(sum(bytes), 0) FROM records WHERE proven = 0").fetchone()[0] - most
        edge = 0
        for row, size in self._do("SELECT id, bytes FROM records WHERE proven = 0 ORDER BY id"):
            if excess <= 0:
                break
            edge, excess = row, excess - size
        return edge

    def _in_batches(self, query: str, *values: object) -> int:
        """Run a deletion until it finds nothing; others may write in between."""
        total = 0
        while True:
            with self._writing():
                gone = self._do(query, values).rowcount
            total += gone
            if gone < _BATCH:
                return total

    def _offset(self, part: str) -> int:
        row = self._do("SELECT offset FROM parts WHERE name = ?", (part,)).fetchone()
        return int(row[0]) if row else 0

    def _do(self, query: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        return self._connection.execute(query, values)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock, answering(NAME), transaction(self._connection):
            yield


def _open_for_reading(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False)


def _index(line: Line) -> Index | None:
    try:
        return None if line.payload is None else decode_index(line.payload)
    except Unreadable:
        return None


def _read(body: bytes) -> Record:
    try:
        return decode_record(body)
    except Unreadable as error:
        raise Unavailable(NAME, f"a record is there but cannot be read: {error}") from error


def _rulebook(rows: list[tuple[bytes]]) -> Rulebook | None:
    try:
        return decode_rulebook(rows[0][0]) if rows else None
    except Unreadable as error:
        raise Unavailable(NAME, f"a rulebook is there but cannot be read: {error}") from error


def _text(value: str) -> str:
    """Asked for by a person, it may hold what SQLite's texts cannot."""
    return value.encode("utf-8", "backslashreplace").decode()
