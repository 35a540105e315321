"""Where a meter counts: beside its rows in one transaction, or in another store that is asked first.

Both are called inside the transaction that writes the row. What the book counts is undone by a rollback; what another
store took is voided by its token, and a process that dies in between leaves at most one unit taken in that store,
until its window is over.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mattegate.ledger import usage_counters
from mattegate.ledger.limits_algorithms import micros, slot, standing
from mattegate.ledger.meter_taken import Taken
from mattegate.ledger.protocols import LimitStore
from mattegate.vocabulary.facts import LimitAnswer, LimitKind
from mattegate.vocabulary.rulebook import Limit


@dataclass(frozen=True, slots=True)
class Take:
    """What asking for limits came to; ``taken`` is empty where one refused."""

    granted: bool
    answers: tuple[LimitAnswer, ...]
    taken: tuple[Taken, ...] = ()


class Counting(Protocol):
    """Counters as a meter uses them, inside its transaction."""

    def take(
        self, db: sqlite3.Connection, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str
    ) -> Take:
        """Take of every limit, or of none."""

    def amend(
        self, db: sqlite3.Connection, subject: str, before: Sequence[Taken], after: Sequence[Taken], at: float
    ) -> None:
        """Make what was taken ``after`` instead of ``before``; never refuses, and leaves rates alone."""

    def void(self, subject: str, limits: Sequence[Limit], at: float, token: str) -> None:
        """The transaction in which ``token`` may have taken was rolled back."""

    def glance(
        self, db: sqlite3.Connection, subject: str, limits: Sequence[Limit], at: float
    ) -> tuple[LimitAnswer, ...]:
        """Where the limits stand."""


class BookCounting:
    """Counters in the same database as the rows."""

    def take(
        self, db: sqlite3.Connection, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str
    ) -> Take:
        """Take of every limit, or of none; ``token`` is not needed, since rows are unique by request."""
        places = [slot(limit, micros(at)) for limit in limits]
        verdict = usage_counters.take(db, subject, places, costs, micros(at))
        if not verdict.granted:
            return Take(granted=False, answers=verdict.answers)
        taken = (Taken(place.limit, cost, place.window) for place, cost in zip(places, verdict.costs, strict=True))
        return Take(granted=True, answers=verdict.answers, taken=tuple(taken))

    def amend(
        self, db: sqlite3.Connection, subject: str, before: Sequence[Taken], after: Sequence[Taken], at: float
    ) -> None:
        """Change the counters of the windows they were taken in."""
        for old, new in zip(before, after, strict=True):
            change = new.cost - old.cost
            if not change or not old.returns:
                continue
            if old.limit.kind == LimitKind.CREDITS:
                usage_counters.add_credits(db, subject, -change)
            else:
                usage_counters.add(db, subject, slot(old.limit, old.window).terms.name, old.window, change)

    def void(self, subject: str, limits: Sequence[Limit], at: float, token: str) -> None:
        """The rollback has undone it."""

    def glance(
        self, db: sqlite3.Connection, subject: str, limits: Sequence[Limit], at: float
    ) -> tuple[LimitAnswer, ...]:
        """Where the limits stand."""
        places = [slot(limit, micros(at)) for limit in limits]
        return standing(places, usage_counters.values(db, subject, places), micros(at))


class StoreCounting:
    """Counters in another store, and the balance of credits in the book."""

    def __init__(self, store: LimitStore) -> None:
        self._store = store
        self._book = BookCounting()

    def take(
        self, db: sqlite3.Connection, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str
    ) -> Take:
        """Take credits first, since the transaction can undo them, and then of the store, or of none."""
        paid, counted = _split(limits, costs)
        credit = self._book.take(db, subject, [limit for limit, _ in paid], [cost for _, cost in paid], at, token)
        there = [limit for limit, _ in counted]
        if not credit.granted:
            answers = self._store.glance(subject, there, at).limits if there else ()
            return Take(granted=False, answers=_in_order(limits, credit.answers + answers))
        if not there:
            return credit
        fact = self._store.take(subject, there, [cost for _, cost in counted], at, token)
        if not fact.reserved:
            self._book.amend(db, subject, credit.taken, [replace(one, cost=0) for one in credit.taken], at)
            untouched = self._book.glance(db, subject, [limit for limit, _ in paid], at)
            return Take(granted=False, answers=_in_order(limits, untouched + fact.limits))
        allowed = {one.name: one.allowed for one in fact.limits}
        taken = [Taken(limit, cost if allowed.get(limit.name) else 0, token=token) for limit, cost in counted]
        return Take(
            granted=True, answers=_in_order(limits, credit.answers + fact.limits), taken=(*credit.taken, *taken)
        )

    def amend(
        self, db: sqlite3.Connection, subject: str, before: Sequence[Taken], after: Sequence[Taken], at: float
    ) -> None:
        """Tell the store what each token holds from now on."""
        self._book.amend(db, subject, *_credits_of(before, after), at)
        tokens: defaultdict[str, list[Taken]] = defaultdict(list)
        for old, new in zip(before, after, strict=True):
            if new.token and new.returns and old.cost != new.cost:
                tokens[new.token].append(new)
        for token, held in tokens.items():
            self._store.amend(subject, [one.limit for one in held], [one.cost for one in held], at, token)

    def void(self, subject: str, limits: Sequence[Limit], at: float, token: str) -> None:
        """Undo the take in the store."""
        self._store.void(subject, [limit for limit in limits if limit.kind != LimitKind.CREDITS], at, token)

    def glance(
        self, db: sqlite3.Connection, subject: str, limits: Sequence[Limit], at: float
    ) -> tuple[LimitAnswer, ...]:
        """Where the limits stand."""
        paid, counted = _split(limits, [0] * len(limits))
        here = self._book.glance(db, subject, [limit for limit, _ in paid], at)
        there = [limit for limit, _ in counted]
        return _in_order(limits, here + (self._store.glance(subject, there, at).limits if there else ()))


_Pairs = list[tuple[Limit, int]]


def _split(limits: Sequence[Limit], costs: Sequence[int]) -> tuple[_Pairs, _Pairs]:
    """Credits with their costs, and the rest."""
    pairs = list(zip(limits, costs, strict=True))
    paid = [pair for pair in pairs if pair[0].kind == LimitKind.CREDITS]
    return paid, [pair for pair in pairs if pair[0].kind != LimitKind.CREDITS]


def _credits_of(before: Sequence[Taken], after: Sequence[Taken]) -> tuple[list[Taken], list[Taken]]:
    pairs = [pair for pair in zip(before, after, strict=True) if pair[0].limit.kind == LimitKind.CREDITS]
    return [old for old, _ in pairs], [new for _, new in pairs]


def _in_order(limits: Sequence[Limit], answers: Sequence[LimitAnswer]) -> tuple[LimitAnswer, ...]:
    """The answers as the limits were asked for; a store that is away may have left some out."""
    by_name = {(one.kind, one.name): one for one in answers}
    keys = [(LimitKind(limit.kind), limit.name) for limit in limits]
    return tuple(by_name[key] for key in keys if key in by_name)
