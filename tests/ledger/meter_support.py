"""What tests of the meter share: claims, limits, and every kind of meter there is."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mattegate.ledger.limits_memory import MemoryLimitStore
from mattegate.ledger.limits_redis import RedisLimitStore
from mattegate.ledger.meter_memory import MemoryMeter
from mattegate.ledger.meter_sqlite import SqliteMeter
from mattegate.ledger.protocols import Claim, LimitStore, Usage, UsageRow
from mattegate.ledger.usage_book import UsageBook
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.vocabulary.rulebook import Limit
from tests.ledger.limits_servers import RedisServer

NOON = 1_700_049_600.0
DAY = 86_400.0
RATE = Limit("burst", "rate", 10, 3600)
HOURLY = Limit("hourly", "quota", 5, 3600)
DAILY = Limit("daily", "quota", 100, 86_400)
TRAFFIC = Limit("traffic", "bytes", 10_000, 3600, unit="bytes")
PIXELS = Limit("pixels", "quota", 50, 3600, unit="megapixels")
CREDITS = Limit("credits", "credits", 0, 0, unit="megapixels")
LIMITS = (RATE, HOURLY, DAILY)

_numbers = itertools.count()


def claim(
    limits: tuple[Limit, ...] = LIMITS,
    *,
    identity: str = "acme",
    at: float = NOON,
    key: str = "",
    request: str = "",
    epoch: int = 0,
    declared: int = 0,
) -> Claim:
    """A claim with a request id of its own, unless one is given."""
    return Claim(
        request_id=request or f"req-{next(_numbers)}",
        identity=identity,
        key_id="key-1",
        at=at,
        limits=limits,
        epoch=epoch,
        idempotency_key=key,
        declared_bytes=declared,
    )


@dataclass
class Bench:
    """A meter with its book, and the store it counts in where that is another one."""

    meter: SqliteMeter
    database: UsageDatabase
    book: UsageBook
    store: LimitStore | None

    def left(self, *limits: Limit, identity: str = "acme", at: float = NOON) -> list[int]:
        """What remains of limits."""
        return [answer.remaining for answer in self.book.standing(identity, limits, at)]

    def row(self, request_id: str) -> UsageRow:
        """The row of a request."""
        return next(row for row in self.book.rows() if row.request_id == request_id)

    def claimed(self, one: Claim) -> str:
        """Claim, and be sure to get it."""
        assert self.meter.claim(one).reserved
        return one.request_id

    def delivered(self, one: Claim, *, fingerprint: str = "f", at: float | None = None) -> str:
        """Claim, bind and settle."""
        self.claimed(one)
        self.meter.bind(one.request_id, fingerprint, "u2netp")
        self.meter.settle(one.request_id, Usage(bytes_in=10, bytes_out=20, model="u2netp"), at or one.at + 1)
        return one.request_id


KINDS = ("book", "memory", "over-memory", "over-redis")


@contextmanager
def bench_of(kind: str, folder: Path) -> Iterator[Bench]:
    """A meter of one kind, with control.db at epoch 1 beside it where it has a home."""
    server = RedisServer() if kind == "over-redis" else None
    redis = RedisLimitStore(server.url, timeout_s=5.0, server_clock=False) if server else None
    store = redis or (MemoryLimitStore() if kind == "over-memory" else None)
    if kind == "memory":
        memory = MemoryMeter(epoch=lambda: 1)
        meter: SqliteMeter = memory
        database = memory.database
    else:
        database = UsageDatabase(folder / "usage.db", control=control_file(folder))
        meter = SqliteMeter(database, store=store)
    yield Bench(meter, database, UsageBook(database, store=store), store)
    database.close()
    if server and redis:
        redis.close()
        server.stop()


def control_file(folder: Path) -> Path:
    """A control.db with nothing in it but its epoch."""
    file = folder / "control.db"
    with sqlite3.connect(file, isolation_level=None) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE epoch (value INTEGER)")
        db.execute("INSERT INTO epoch VALUES (1)")
    db.close()
    return file
