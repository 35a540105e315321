"""``notices.db``: letters that wait, so that neither a restart nor ``kill -9`` loses a notice on its way.

``synchronous = FULL``, because whoever lays a letter in here notes elsewhere that somebody was told: a power loss must
not leave that note alone. A letter goes when it was delivered or given up, so the file stays small.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Final

from mattegate.ledger.connection import answering, open_database, transaction
from mattegate.ledger.migrations import migrate
from mattegate.outbound.notice import Notice, NoticeKind
from mattegate.outbound.outbox import LONGEST_WAIT_S, Letter

NOTICES_FILE: Final = "notices.db"

_LOG: Final = logging.getLogger("mattegate.notices")
NOTICES: Final = (
    (
        """CREATE TABLE letters (
            number INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            channel TEXT NOT NULL,
            due REAL NOT NULL,
            failures INTEGER NOT NULL,
            notice TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX letters_due ON letters (channel, due)",
    ),
)
"""``key``: the letter's key as a JSON array; ``notice``: the notice as a JSON object. Both are ASCII."""


class SqliteOutbox:
    """An :class:`~mattegate.outbound.outbox.Outbox` in a file; each channel has its own ``room``.

    One connection behind a lock, so any thread may call. Every method raises
    :class:`~mattegate.ledger.protocols.Unavailable` ``ledger``, making one too; for a file that a newer version wrote
    that is ``Refusal`` ``home.newer``.
    """

    def __init__(self, folder: Path, *, room: int = 1_000) -> None:
        self._room = room
        self._lock = Lock()
        with answering("ledger"):
            self._db = open_database(folder / NOTICES_FILE, synchronous="FULL")
            try:
                migrate(self._db, NOTICES, name=NOTICES_FILE)
            except BaseException:
                self._db.close()
                raise

    def put(self, letter: Letter) -> bool:
        """Keep it unless its channel's room is full; on the disk before this returns."""
        key = _key(letter)
        with self._write() as db:
            if db.execute("SELECT 1 FROM letters WHERE key = ?", (key,)).fetchone():
                return True
            held = db.execute("SELECT count(*) FROM letters WHERE channel = ?", (letter.channel,)).fetchone()[0]
            if held >= self._room:
                return False
            row = (key, letter.channel, letter.due, letter.failures, _text(letter.notice))
            db.execute("INSERT INTO letters (key, channel, due, failures, notice) VALUES (?, ?, ?, ?, ?)", row)
            return True

    def due(self, channel: str, now: float, limit: int) -> Sequence[Letter]:
        """Those due, the longest waiting first. A letter that cannot be read is thrown away with a line in the log."""
        with self._lock, answering("ledger"):
            rows = self._db.execute(
                "SELECT key, channel, due, failures, notice FROM letters"
                " WHERE channel = ? AND (due <= ? OR due > ?) ORDER BY due, number LIMIT ?",
                (channel, now, now + LONGEST_WAIT_S, limit),
            ).fetchall()
        found = [(row[0], _letter(*row)) for row in rows]
        self._drop([key for key, letter in found if letter is None])
        return [letter for _, letter in found if letter is not None]

    def postpone(self, letter: Letter) -> None:
        """Replace it if it is still here."""
        row = (letter.due, letter.failures, _text(letter.notice), _key(letter))
        with self._write() as db:
            db.execute("UPDATE letters SET due = ?, failures = ?, notice = ? WHERE key = ?", row)

    def remove(self, letter: Letter) -> None:
        """Forget it."""
        with self._write() as db:
            db.execute("DELETE FROM letters WHERE key = ?", (_key(letter),))

    def discard(self, channel: str) -> int:
        """Forget all of a channel."""
        with self._write() as db:
            return db.execute("DELETE FROM letters WHERE channel = ?", (channel,)).rowcount

    def keep_only(self, channels: Collection[str]) -> int:
        """Forget what waits for channels that are no longer set, which nobody would ever try; returns how many."""
        with self._write() as db:
            names = [name for (name,) in db.execute("SELECT DISTINCT channel FROM letters").fetchall()]
            gone = [(name,) for name in names if name not in channels]
            return max(db.executemany("DELETE FROM letters WHERE channel = ?", gone).rowcount, 0)

    def waiting(self) -> int:
        """How many there are."""
        with self._lock, answering("ledger"):
            return int(self._db.execute("SELECT count(*) FROM letters").fetchone()[0])

    def close(self) -> None:
        """Close the file; what waits stays in it."""
        with self._lock:
            self._db.close()

    def _drop(self, keys: Sequence[str]) -> None:
        for key in keys:
            with self._write() as db:
                db.execute("DELETE FROM letters WHERE key = ?", (key,))
            _LOG.error("notice %s dropped: it cannot be read from %s", key, NOTICES_FILE)

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock, answering("ledger"), transaction(self._db):
            yield self._db


def _key(letter: Letter) -> str:
    return json.dumps(letter.key)


def _text(notice: Notice) -> str:
    return json.dumps(asdict(notice))


def _letter(key: str, channel: str, due: float, failures: int, text: str) -> Letter | None:
    """``None`` for what is damaged, or of a kind that only another version knows."""
    try:
        _, _, target = json.loads(key)
        told = json.loads(text)
        notice = Notice(**{**told, "kind": NoticeKind(told["kind"]), "to": tuple(told["to"])})
    except (ValueError, TypeError, KeyError):
        return None
    return Letter(notice, channel, target, due, failures)
