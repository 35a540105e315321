"""Another process that takes from a shared SQLite file: ``limits_process.py FILE SUBJECT ATTEMPTS AMOUNT``."""

from __future__ import annotations

import sys
from pathlib import Path

from mattegate.ledger.limits_sqlite import SqliteLimitStore
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.vocabulary.rulebook import Limit


def main(file: str, subject: str, attempts: str, amount: str, name: str) -> None:
    """Try so often, and print how often it was granted."""
    database = UsageDatabase(Path(file), busy_ms=30_000)
    store = SqliteLimitStore(database)
    limits = [Limit("day", "quota", int(amount), 86_400), Limit("rate", "rate", int(amount) + 5, 86_400)]
    granted = sum(
        store.take(subject, limits, [1, 1], 1_700_049_600.0, f"{name}{n}").reserved for n in range(int(attempts))
    )
    print(granted)


if __name__ == "__main__":
    main(*sys.argv[1:])
