"""Rows of the usage book: what they are called in SQL, and how one becomes a :class:`UsageRow`."""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any, Final

from mattegate.ledger.protocols import Claim, Usage, UsageRow

COLUMNS: Final = (
    "id, request_id, identity, key_id, kind, state, units, at, ended_at, images, pixels, bytes_in, bytes_out,"
    " model, ms, idempotency_key, replays, note"
)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A row with what only the meter needs to know."""

    seq: int
    row: UsageRow
    lease_until: float
    fingerprint: str
    taken: str
    """What it took, packed."""


def usage_row(fields: tuple[Any, ...]) -> UsageRow:
    """A row from :data:`COLUMNS`."""
    row_id, request_id, identity, key_id, kind, state, units, at, ended_at, *usage, key, replays, note = fields
    images, pixels, bytes_in, bytes_out, model, ms = usage
    return UsageRow(
        id=row_id,
        request_id=request_id,
        identity=identity,
        key_id=key_id,
        kind=kind,
        state=state,
        units=units,
        at=at,
        settled_at=ended_at if state == "settled" else None,
        usage=Usage(images, pixels, bytes_in, bytes_out, model, ms),
        idempotency_key=key,
        replays=replays,
        note=note,
    )


def by_request(db: sqlite3.Connection, request_id: str, identity: str | None = None) -> Reservation | None:
    """What a request was served: everything but credits."""
    where = "request_id = ?1 AND kind <> 'credit' AND (?2 IS NULL OR identity = ?2)"
    return _one(db, where, (request_id, identity))


def by_credit(db: sqlite3.Connection, request_id: str, identity: str) -> Reservation | None:
    """The credit that an identity was given by a request."""
    return _one(db, "request_id = ? AND identity = ? AND kind = 'credit'", (request_id, identity))


def by_seq(db: sqlite3.Connection, seq: int) -> Reservation | None:
    """The row of a number."""
    return _one(db, "seq = ?", (seq,))


def by_key(db: sqlite3.Connection, identity: str, key: str) -> Reservation | None:
    """The row that holds an idempotency key."""
    return _one(db, "identity = ? AND idempotency_key = ? AND holds_key = 1", (identity, key))


def lapsed(db: sqlite3.Connection, at: float, most: int) -> list[Reservation]:
    """Reservations whose lease is over."""
    where = "state = 'reserved' AND lease_until <= ? ORDER BY lease_until LIMIT ?"
    return [_reservation(fields) for fields in db.execute(_select(where), (at, most))]


def page(
    db: sqlite3.Connection, identity: str | None, since: float, until: float, *, after: int, most: int
) -> list[Reservation]:
    """Rows claimed from ``since`` to before ``until``, beyond number ``after``."""
    where = "seq > ?1 AND at >= ?2 AND at < ?3 AND (?4 IS NULL OR identity = ?4) ORDER BY seq LIMIT ?5"
    return [_reservation(fields) for fields in db.execute(_select(where), (after, since, until, identity, most))]


def insert_reservation(db: sqlite3.Connection, claim: Claim, taken: str, credits_taken: int) -> None:
    """Write the reservation of a claim, of one unit."""
    db.execute(
        "INSERT INTO usage (id, request_id, identity, key_id, kind, state, units, at, lease_until, images,"
        " idempotency_key, holds_key, taken, credits)"
        " VALUES (?, ?, ?, ?, ?, 'reserved', 1, ?, ?, 0, ?, ?, ?, ?)",
        (
            new_id(),
            claim.request_id,
            claim.identity,
            claim.key_id,
            claim.kind,
            claim.at,
            claim.at + claim.lease_s,
            claim.idempotency_key,
            int(claim.idempotency_key != ""),
            taken,
            credits_taken,
        ),
    )


def tell(db: sqlite3.Connection, seq: int, event: str, at: float) -> None:
    """Put a change into the outbox, in the transaction that makes it."""
    db.execute("INSERT INTO outbox (usage, event, at) VALUES (?, ?, ?)", (seq, event, at))


def new_id() -> str:
    """A row's id: unguessable, so that it tells nobody how many there are."""
    return "use_" + secrets.token_hex(12)


def _one(db: sqlite3.Connection, where: str, values: tuple[object, ...]) -> Reservation | None:
    fields = db.execute(_select(where), values).fetchone()
    return _reservation(fields) if fields else None


def _select(where: str) -> str:
    return f"SELECT {COLUMNS}, seq, coalesce(lease_until, 0), fingerprint, taken FROM usage WHERE {where}"  # noqa: S608


def _reservation(fields: tuple[Any, ...]) -> Reservation:
    *plain, seq, lease_until, fingerprint, taken = fields
    return Reservation(seq, usage_row(tuple(plain)), lease_until, fingerprint, taken)
