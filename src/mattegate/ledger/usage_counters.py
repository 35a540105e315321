"""Reading and writing counters inside a transaction that somebody else began."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mattegate.ledger.limits_algorithms import CREDITS, Slot, Verdict, decide


def values(db: sqlite3.Connection, subject: str, places: Sequence[Slot]) -> list[int]:
    """The counters as they stand; 0 where there is none."""
    return [value(db, subject, place.terms.name, place.window) for place in places]


def value(db: sqlite3.Connection, subject: str, name: str, window: int) -> int:
    """One counter."""
    sought = "SELECT value FROM counters WHERE subject = ? AND name = ? AND window = ?"
    row = db.execute(sought, (subject, name, window)).fetchone()
    return int(row[0]) if row else 0


def take(db: sqlite3.Connection, subject: str, places: Sequence[Slot], costs: Sequence[int], now: int) -> Verdict:
    """Decide, and keep what the counters are from now on."""
    before = values(db, subject, places)
    verdict = decide(places, before, costs, now)
    for place, old, new in zip(places, before, verdict.values, strict=True):
        if new != old:
            _put(db, subject, place, new)
    return verdict


def add(db: sqlite3.Connection, subject: str, name: str, window: int, change: int) -> None:
    """Change a counter by ``change``, never below 0."""
    db.execute(
        "INSERT INTO counters VALUES (?1, ?2, ?3, max(0, ?4)) ON CONFLICT DO UPDATE SET value = max(0, value + ?4)",
        (subject, name, window, change),
    )


def add_credits(db: sqlite3.Connection, subject: str, change: int) -> None:
    """Change a balance, which begins at 0 and may be overdrawn by what is only known afterwards."""
    db.execute(
        "INSERT INTO counters VALUES (?, ?, 0, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
        (subject, CREDITS, change),
    )


def sweep(db: sqlite3.Connection, *, before: int) -> None:
    """Forget windows and rates that were last of use before ``before``; balances stay."""
    db.execute("DELETE FROM counters WHERE window > 0 AND window < ?", (before,))
    db.execute("DELETE FROM counters WHERE window = 0 AND value < ? AND name <> ?", (before, CREDITS))


def _put(db: sqlite3.Connection, subject: str, place: Slot, new: int) -> None:
    db.execute(
        "INSERT INTO counters VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (subject, place.terms.name, place.window, new),
    )
