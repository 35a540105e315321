"""Reading the usage book, and the balance of credits."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mattegate.ledger import usage_counters, usage_rows
from mattegate.ledger.limits_algorithms import CREDITS, micros, slot
from mattegate.ledger.meter_counting import BookCounting, Counting, StoreCounting
from mattegate.ledger.meter_taken import Taken, unpack
from mattegate.ledger.protocols import LimitStore, UsageRow
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.vocabulary.facts import LimitAnswer, LimitKind
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.rulebook import Limit

LARGEST_BALANCE: Final = 10**15
"""Credits; far from where SQLite's numbers end."""

_PAGE: Final = 500
_WINDOWED: Final = frozenset({LimitKind.QUOTA, LimitKind.BYTES})
_LABELS: Final = {
    "day": "strftime('%Y-%m-%d', at, 'unixepoch')",
    "key": "key_id",
    "model": "model",
    "identity": "identity",
}

By = Literal["day", "key", "model", "identity"]


@dataclass(frozen=True, slots=True)
class UsageSum:
    """Delivered work of one day (of UTC, by when it was claimed), key, model or identity."""

    label: str
    requests: int
    images: int
    units: int
    pixels: int
    bytes_in: int
    bytes_out: int
    ms: float


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole book in a few numbers; for metrics."""

    reserved: int
    settled: int
    released: int
    units: int
    """Charged units of settled cut-outs."""
    credits: int
    """Credits that are left, over all identities."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A counter that is not the sum of its rows."""

    identity: str
    counter: str
    window: int
    """Microseconds of its start; 0 for a balance."""
    counted: int
    rows: int


class UsageBook:
    """The book in ``database``; ``store`` where limits are counted elsewhere. Methods raise ``Unavailable``."""

    def __init__(self, database: UsageDatabase, *, store: LimitStore | None = None) -> None:
        self._database = database
        self._store = store
        self._counting: Counting = BookCounting() if store is None else StoreCounting(store)

    def usage(self, identity: str | None, since: float, until: float, *, by: By) -> list[UsageSum]:
        """Settled cut-outs that were claimed from ``since`` to before ``until``, of one identity or of all."""
        label = _LABELS[by]
        sums = (
            f"SELECT {label}, count(*), sum(images), sum(units), sum(pixels), sum(bytes_in), sum(bytes_out), sum(ms)"  # noqa: S608
            " FROM usage WHERE kind <> 'credit' AND state = 'settled' AND at >= ? AND at < ?"
            f" AND (?3 IS NULL OR identity = ?3) GROUP BY {label} ORDER BY {label}"
        )
        with self._database.read() as db:
            return [UsageSum(*fields) for fields in db.execute(sums, (since, until, identity))]

    def rows(self, identity: str | None = None, *, since: float = 0.0, until: float = math.inf) -> Iterator[UsageRow]:
        """Rows in the order they were written, read in pages, so that a long export holds nobody up."""
        for known in self._pages(identity, since, until):
            yield known.row

    def totals(self) -> Totals:
        """How many rows are in which state, and what they come to."""
        with self._database.read() as db:
            states = dict(
                db.execute("SELECT state, count(*) FROM usage WHERE kind <> 'credit' GROUP BY state").fetchall()
            )
            charged = "SELECT coalesce(sum(units), 0) FROM usage WHERE kind <> 'credit' AND state = 'settled'"
            left = "SELECT coalesce(sum(value), 0) FROM counters WHERE name = ?"
            return Totals(
                reserved=states.get("reserved", 0),
                settled=states.get("settled", 0),
                released=states.get("released", 0),
                units=db.execute(charged).fetchone()[0],
                credits=db.execute(left, (CREDITS,)).fetchone()[0],
            )

    def standing(self, identity: str, limits: Sequence[Limit], at: float) -> tuple[LimitAnswer, ...]:
        """Where the limits stand; takes nothing."""
        with self._database.read() as db:
            return self._counting.glance(db, identity, limits, at)

    def near(self, identity: str, limits: Sequence[Limit], share: float, at: float) -> tuple[LimitAnswer, ...]:
        """Quotas of which ``share`` is used; each is told once a window, whoever asks."""
        quotas = [limit for limit in limits if limit.kind in _WINDOWED and limit.amount and not limit.shadow]
        answers = self.standing(identity, quotas, at)
        used = [
            (limit, answer)
            for limit, answer in zip(quotas, answers, strict=True)
            if answer.limit - answer.remaining >= share * answer.limit
        ]
        if not used:
            return ()
        with self._database.write() as db:
            told = "INSERT OR IGNORE INTO notices VALUES (?, ?, ?, ?)"
            places = [(slot(limit, micros(at)), answer) for limit, answer in used]
            return tuple(
                answer
                for place, answer in places
                if db.execute(told, (identity, place.terms.name, place.window, share)).rowcount
            )

    def credit(self, identity: str, units: int, note: str, *, actor: str, request_id: str, at: float) -> int:
        """Add ``units`` credits, or take them away; returns the balance. The same ``request_id`` does it once.

        The row's ``key_id`` is the actor. Raises ``Refusal`` ``account.invalid`` for 0, for more than is there and for
        a balance beyond :data:`LARGEST_BALANCE`.
        """
        with self._database.write() as db:
            balance = usage_counters.value(db, identity, CREDITS, 0)
            sought = "SELECT 1 FROM usage WHERE request_id = ? AND identity = ? AND kind = 'credit'"
            if db.execute(sought, (request_id, identity)).fetchone():
                return balance
            if problem := _credit_problem(balance, units):
                raise Refusal("account.invalid", what="credits", value=units, problem=problem)
            usage_counters.add_credits(db, identity, units)
            row = db.execute(
                "INSERT INTO usage (id, request_id, identity, key_id, kind, state, units, at, ended_at, note)"
                " VALUES (?, ?, ?, ?, 'credit', 'settled', ?, ?, ?, ?)",
                (usage_rows.new_id(), request_id, identity, actor, units, at, at, note),
            )
            usage_rows.tell(db, row.lastrowid or 0, "credited", at)
            return balance + units

    def credit_row(self, identity: str, request_id: str) -> UsageRow | None:
        """What :meth:`credit` wrote for ``request_id``; ``None`` where it wrote nothing."""
        with self._database.read() as db:
            known = usage_rows.by_credit(db, request_id, identity)
            return known.row if known else None

    def balance(self, identity: str) -> int:
        """The credits an identity has."""
        with self._database.read() as db:
            return usage_counters.value(db, identity, CREDITS, 0)

    def reconcile(self, since: float, at: float) -> list[Difference]:
        """Counters that differ from the sum of their rows: of windows that began from ``since`` on, and of balances.

        Counters in another store are compared for the window that ``at`` lies in.
        """
        live = [known for known in self._pages(None, since, math.inf) if known.row.state != "released"]
        taken = [(known.row, one) for known in live for one in unpack(known.taken) if one.limit.kind in _WINDOWED]
        found = self._windows(taken, since) if self._store is None else self._elsewhere(self._store, taken, at)
        return [one for one in (*found, *self._balances()) if one.counted != one.rows]

    def _windows(self, taken: Sequence[tuple[UsageRow, Taken]], since: float) -> list[Difference]:
        sums: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        for row, one in taken:
            if one.window >= micros(since):
                sums[row.identity, slot(one.limit, one.window).terms.name, one.window] += one.cost
        with self._database.read() as db:
            counters = "SELECT subject, name, window, value FROM counters WHERE window >= ? AND window > 0"
            counted = {
                (who, name, window): value for who, name, window, value in db.execute(counters, (micros(since),))
            }
        return [Difference(*key, counted.get(key, 0), sums[key]) for key in sorted({*sums, *counted})]

    def _elsewhere(self, store: LimitStore, taken: Sequence[tuple[UsageRow, Taken]], at: float) -> list[Difference]:
        sums: defaultdict[tuple[str, Limit], int] = defaultdict(int)
        for row, one in taken:
            if micros(row.at) >= slot(one.limit, micros(at)).window:
                sums[row.identity, one.limit] += one.cost
        found = []
        for (identity, limit), rows in sums.items():
            place = slot(limit, micros(at))
            left = store.glance(identity, [limit], at).limits[0].remaining
            # Bytes may pass the amount; the store then says no more than that nothing remains.
            found.append(
                Difference(identity, place.terms.name, place.window, limit.amount - left, min(rows, limit.amount))
            )
        return found

    def _balances(self) -> list[Difference]:
        booked = (
            "SELECT identity, sum(CASE kind WHEN 'credit' THEN units ELSE -credits END) FROM usage"
            " WHERE state <> 'released' AND (kind = 'credit' OR credits <> 0) GROUP BY identity"
        )
        with self._database.read() as db:
            rows = dict(db.execute(booked).fetchall())
            counted = dict(db.execute("SELECT subject, value FROM counters WHERE name = ?", (CREDITS,)).fetchall())
        return [Difference(who, CREDITS, 0, counted.get(who, 0), rows.get(who, 0)) for who in sorted({*rows, *counted})]

    def _pages(self, identity: str | None, since: float, until: float) -> Iterator[usage_rows.Reservation]:
        after = 0
        while True:
            with self._database.read() as db:
                page = usage_rows.page(db, identity, since, until, after=after, most=_PAGE)
            if not page:
                return
            yield from page
            after = page[-1].seq


def _credit_problem(balance: int, units: int) -> str:
    """Why ``units`` cannot be booked; empty where they can."""
    if units == 0:
        return f"it changes nothing; the balance is {balance}"
    if balance + units < 0:
        return f"the balance is {balance}"
    return f"a balance is at most {LARGEST_BALANCE}" if balance + units > LARGEST_BALANCE else ""
