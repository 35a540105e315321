"""Limits counted in SQLite: exact across threads and processes, and through ``kill -9``.

Every take is one ``BEGIN IMMEDIATE`` transaction, so two of them can never both see the last unit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from mattegate.ledger import usage_counters
from mattegate.ledger.limits_algorithms import Slot, Verdict, counted_only, micros, slot, standing
from mattegate.ledger.limits_memory import TOKEN_S
from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.vocabulary.facts import ClaimFact
from mattegate.vocabulary.rulebook import Limit

_MARK: Final = ""
"""The line of a token that says it took, with cost 1, or was voided, with cost 0."""


class SqliteLimitStore:
    """A :class:`~mattegate.ledger.protocols.LimitStore` in ``database``."""

    def __init__(self, database: UsageDatabase) -> None:
        self._database = database

    def take(self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str) -> ClaimFact:
        """Take of every limit or of none. Raises ``Unavailable``, also for a voided token."""
        counted_only(limits)
        now = micros(at)
        places = [slot(limit, now) for limit in limits]
        with self._write() as db:
            if held := _held(db, token):
                return _again(db, held, subject, places, now)
            verdict = usage_counters.take(db, subject, places, costs, now)
            if verdict.granted:
                _remember(db, token, places, verdict, at)
        return ClaimFact(limits=verdict.answers, reserved=verdict.granted)

    def give_back(self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str) -> None:
        """Amend what ``token`` holds to nothing."""
        self.amend(subject, limits, [0] * len(costs), at, token)

    def amend(self, subject: str, limits: Sequence[Limit], totals: Sequence[int], at: float, token: str) -> None:
        """Make what ``token`` holds of each quota ``totals[i]``."""
        with self._write() as db:
            held = _held(db, token)
            for limit, total in zip(limits, totals, strict=True):
                place = slot(limit, micros(at))
                if place.terms.windowed and place.terms.name in held:
                    _change(db, subject, token, place, held[place.terms.name], total)

    def void(self, subject: str, limits: Sequence[Limit], at: float, token: str) -> None:
        """Undo the take of ``token`` wholly and let it take nothing any more."""
        with self._write() as db:
            held = _held(db, token)
            for limit in limits:
                place = slot(limit, micros(at))
                if place.terms.name in held:
                    _change(db, subject, token, place, held[place.terms.name], 0)
            db.execute("DELETE FROM takes WHERE token = ?", (token,))
            db.execute("INSERT INTO takes VALUES (?, ?, 0, 0, ?)", (token, _MARK, at))

    def glance(self, subject: str, limits: Sequence[Limit], at: float) -> ClaimFact:
        """Where the limits stand."""
        counted_only(limits)
        now = micros(at)
        places = [slot(limit, now) for limit in limits]
        with _limits_answer(), self._database.read() as db:
            return ClaimFact(limits=standing(places, usage_counters.values(db, subject, places), now))

    def sweep(self, at: float) -> None:
        """Forget tokens that are too old to be given back."""
        with self._write() as db:
            db.execute("DELETE FROM takes WHERE at < ?", (at - TOKEN_S,))

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with _limits_answer(), self._database.write() as db:
            yield db


@contextmanager
def _limits_answer() -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        raise Unavailable("limits", error.problem) from error


def _held(db: sqlite3.Connection, token: str) -> dict[str, tuple[int, int]]:
    found = db.execute("SELECT name, window, cost FROM takes WHERE token = ?", (token,))
    return {name: (window, cost) for name, window, cost in found}


def _again(
    db: sqlite3.Connection, held: dict[str, tuple[int, int]], subject: str, places: Sequence[Slot], now: int
) -> ClaimFact:
    if held[_MARK][1] == 0:
        raise Unavailable("limits", "this take was given up")
    return ClaimFact(limits=standing(places, usage_counters.values(db, subject, places), now), reserved=True)


def _remember(db: sqlite3.Connection, token: str, places: Sequence[Slot], verdict: Verdict, at: float) -> None:
    lines = [(token, _MARK, 0, 1, at)]
    for place, cost in zip(places, verdict.costs, strict=True):
        if cost or place.terms.windowed:
            lines.append((token, place.terms.name, place.window, cost, at))
    db.executemany("INSERT INTO takes VALUES (?, ?, ?, ?, ?)", lines)


def _change(db: sqlite3.Connection, subject: str, token: str, place: Slot, held: tuple[int, int], total: int) -> None:
    window, cost = held
    each = 1 if place.terms.windowed else place.terms.step
    usage_counters.add(db, subject, place.terms.name, window, (total - cost) * each)
    db.execute("UPDATE takes SET cost = ? WHERE token = ? AND name = ?", (total, token, place.terms.name))
