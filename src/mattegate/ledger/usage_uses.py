"""What may be used so many times and no more: nonces, signatures without one, ids of tokens, images of browser tokens.

Rules of this file:

1. A value is forgotten only after the time from which it is refused by itself, never to make room.
2. What is not newer than the newest that was forgotten can no longer be told from it, and is refused (503). So a clock
   that is set back, after a leap forward or without one, opens nothing again, over a restart neither; and a request
   that was judged in time, and is claimed late because its body came slowly, outlasts no nonce.
3. A subject that has too many at once is refused alone (429); when there are too many in all, nobody can be told new
   from old any more, and everybody is refused (503).
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable
from typing import Final

from mattegate.ledger.protocols import Unavailable
from mattegate.signing.freshness import stamp
from mattegate.vocabulary.facts import ClaimFact, Uses

MOST_OF_ONE: Final = 20_000
"""Values of one subject that are remembered at once: 66 a second for five minutes."""
MOST_IN_ALL: Final = 5_000_000

_FIND: Final = "SELECT used FROM uses WHERE subject = ? AND value = ?"
_TOO_MANY: Final = "SELECT 1 FROM uses WHERE subject = ? LIMIT 1 OFFSET ?"
_FIRST_OF: Final = "SELECT min(until) FROM uses WHERE subject = ?"
_PUT: Final = """INSERT INTO uses (subject, value, used, until, mark) VALUES (?, ?, 1, ?, ?)
    ON CONFLICT (subject, value) DO UPDATE SET used = used + 1"""
_REMEMBER_FORGETTING: Final = """INSERT INTO forgotten
    SELECT substr(subject, 1, instr(subject, ':') - 1) AS kind, max(mark) FROM uses WHERE until < ? GROUP BY kind
    ON CONFLICT (kind) DO UPDATE SET mark = max(mark, excluded.mark)"""


class UseBook:
    """Counts uses in the meter's database, inside its transactions; the one process that writes it has one of these."""

    def __init__(self, *, most_of_one: int = MOST_OF_ONE, most_in_all: int = MOST_IN_ALL) -> None:
        self._most_of_one, self._most_in_all = most_of_one, most_in_all
        self._count: int | None = None
        self._forgotten: dict[str, float] | None = None
        """The highest mark of each kind that was forgotten, as the database has it."""

    def refusal(self, db: sqlite3.Connection, uses: Iterable[Uses], at: float) -> ClaimFact | None:
        """Why ``uses`` are not to be had; ``None`` where they are. Raises :class:`Unavailable`: the book is full."""
        return next((fact for one in uses if (fact := self._refused(db, one, at))), None)

    def take(self, db: sqlite3.Connection, uses: Iterable[Uses]) -> None:
        """Use each once more."""
        for one in uses:
            new = db.execute(_FIND, (one.subject, one.value)).fetchone() is None
            db.execute(_PUT, (one.subject, one.value, one.until, one.mark))
            if new and self._count is not None:
                self._count += 1

    def sweep(self, db: sqlite3.Connection, before: float) -> None:
        """Forget what is refused by its age from ``before`` on."""
        db.execute(_REMEMBER_FORGETTING, (before,))
        db.execute("DELETE FROM uses WHERE until < ?", (before,))
        self._count = self._forgotten = None

    def _refused(self, db: sqlite3.Connection, one: Uses, at: float) -> ClaimFact | None:
        found = db.execute(_FIND, (one.subject, one.value)).fetchone()
        if found is not None:
            if found[0] < one.most:
                return None
            return ClaimFact(conflict=one.reason)
        self._require_memory_of(db, one)
        if self._counted(db) >= self._most_in_all:
            raise Unavailable("nonces", f"{self._most_in_all} one-time values are remembered, and none may be dropped")
        if db.execute(_TOO_MANY, (one.subject, self._most_of_one - 1)).fetchone() is None:
            return None
        frees = db.execute(_FIRST_OF, (one.subject,)).fetchone()[0]
        return ClaimFact(conflict="rate.nonces", retry_after_s=max(1.0, frees - at))

    def _require_memory_of(self, db: sqlite3.Connection, one: Uses) -> None:
        """Raise :class:`Unavailable` where ``one``, if it was used, would be forgotten by now."""
        if self._forgotten is None:
            self._forgotten = dict(db.execute("SELECT kind, mark FROM forgotten"))
        last = self._forgotten.get(one.kind, -math.inf)
        if one.mark <= last:
            told = f"{one.kind} values up to {stamp(last)} are forgotten, this one is of {stamp(one.mark)}"
            raise Unavailable("nonces", f"{told}: its body came too slowly, or the clock was set back")

    def _counted(self, db: sqlite3.Connection) -> int:
        if self._count is None:
            self._count = int(db.execute("SELECT count(*) FROM uses").fetchone()[0])
        return self._count
