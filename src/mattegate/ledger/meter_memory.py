"""A meter without a home: for tests, for use as middleware, and where limits may be forgotten at a restart.

It is the meter of :mod:`mattegate.ledger.meter_sqlite` over a database in memory, so that there is one set of rules.
What it keeps is bounded by :meth:`MemoryMeter.sweep`, which forgets finished requests once no idempotency key needs
them; a usage book that must be complete needs a file.
"""

from __future__ import annotations

from collections.abc import Callable

from mattegate.ledger.meter_idempotency import HOLDS_S
from mattegate.ledger.meter_sqlite import SqliteMeter
from mattegate.ledger.protocols import LimitStore
from mattegate.ledger.usage_database import UsageDatabase


class MemoryMeter(SqliteMeter):
    """A :class:`~mattegate.ledger.protocols.Meter` that dies with the process.

    ``epoch`` tells the newest epoch of keys; without it, epochs are not compared.
    """

    def __init__(self, *, epoch: Callable[[], int] | None = None, store: LimitStore | None = None) -> None:
        self.database = UsageDatabase(None, epoch=epoch)
        super().__init__(self.database, store=store)
        with self.database.write() as db:
            db.execute("DROP TRIGGER usage_stays")

    def sweep(self, at: float) -> int:
        """Release lapsed reservations, and forget what ended longer ago than an idempotency key holds."""
        swept = super().sweep(at)
        with self.database.write() as db:
            past = (at - 2 * HOLDS_S,)
            db.execute("DELETE FROM outbox WHERE at < ?", past)
            db.execute(
                "DELETE FROM usage WHERE kind <> 'credit' AND state <> 'reserved' AND ended_at < ?"
                " AND seq NOT IN (SELECT usage FROM outbox) AND seq NOT IN (SELECT usage FROM replays)",
                past,
            )
        return swept
