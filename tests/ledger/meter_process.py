"""A process that claims, settles and releases until it is killed: ``meter_process.py FILE NAME``.

Prints the id of every settled request after it was settled.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from mattegate.ledger.meter_sqlite import SqliteMeter
from mattegate.ledger.protocols import Claim, Usage
from mattegate.ledger.usage_book import UsageBook
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.vocabulary.rulebook import Limit

NOON = 1_700_049_600.0
LIMITS = (
    Limit("day", "quota", 100_000, 86_400),
    Limit("traffic", "bytes", 10_000_000, 3600, unit="bytes"),
    Limit("pixels", "quota", 100_000, 3600, unit="megapixels"),
    Limit("credits", "credits", 0, 0, unit="megapixels"),
    Limit("rate", "rate", 100_000, 60),
)


def main(file: str, name: str) -> None:
    """Work until killed."""
    database = UsageDatabase(Path(file), busy_ms=30_000)
    meter = SqliteMeter(database)
    UsageBook(database).credit("acme", 10_000, "", actor="cli:test", request_id=name, at=NOON)
    for number in itertools.count():
        request = f"{name}-{number}"
        if not meter.claim(Claim(request, "acme", "key", NOON, LIMITS, idempotency_key=request)).reserved:
            return
        meter.top_up(request, 1 + number % 3, NOON)
        if number % 3:
            meter.settle(request, Usage(bytes_in=number % 5, bytes_out=1), NOON)
            print(request, flush=True)
        else:
            meter.release(request, "capacity.queue_full", NOON)


if __name__ == "__main__":
    main(*sys.argv[1:])
