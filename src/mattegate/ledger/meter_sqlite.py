"""The meter: limits, reservation, idempotency key and epoch in one transaction.

A row goes ``reserved`` → ``settled`` or ``released``, and by :meth:`SqliteMeter.refund` from ``settled`` to
``released``; no row is ever deleted. Every act may be repeated under its request id.

What a death leaves behind: a claim is on disk before the body is read, and its row is ``settled`` before the first
byte of the answer goes out. A reservation that nobody settles counts as released when its lease is over, and at once
by :meth:`SqliteMeter.recover` where its process is known to be dead. Work that delivers after that is charged all the
same, past the limits if need be.
"""

from __future__ import annotations

import math
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from mattegate.ledger import usage_counters, usage_rows
from mattegate.ledger.limits_algorithms import micros
from mattegate.ledger.meter_counting import BookCounting, Counting, StoreCounting, Take
from mattegate.ledger.meter_idempotency import (
    ABORT_WINDOW_S,
    ABORTED,
    ABORTS,
    HOLDS_S,
    LAPSED,
    too_many_aborts,
    under_key,
)
from mattegate.ledger.meter_taken import credits_in, first_costs, given_back, pack, unpack, weighed, with_bytes
from mattegate.ledger.protocols import Claim, EpochChanged, LimitStore, Unavailable, Usage
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.ledger.usage_rows import Reservation
from mattegate.ledger.usage_uses import UseBook
from mattegate.vocabulary.facts import ClaimFact, LimitAnswer
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.rulebook import Limit

KEEP_COUNTERS_S: Final = 40 * 86_400
"""How long the counters of past windows are kept, for reconciling."""
REPLAY_LEASE_S: Final = 600
"""After which a replay that neither delivered nor failed counts as failed."""
_DEAD_REPLAYS: Final = "SELECT request_id FROM replays WHERE state = 'running' AND at < ?"
_SWEEP_AT_ONCE: Final = 100
_TakeFrom = Callable[[str, Sequence[Limit], Sequence[int], float], Take]


class SqliteMeter:
    """A :class:`~mattegate.ledger.protocols.Meter` in ``database``.

    ``store``: count rates, quotas and bytes there instead of in the database. It is asked first, and what it gave is
    voided when the row cannot be written.
    """

    def __init__(self, database: UsageDatabase, *, store: LimitStore | None = None) -> None:
        self._database = database
        self._counting: Counting = BookCounting() if store is None else StoreCounting(store)
        self._uses = UseBook()

    def claim(self, claim: Claim) -> ClaimFact:
        """Take one unit of every limit and reserve it, or take nothing and say why.

        Raises ``EpochChanged``, ``Unavailable``, and ``ValueError`` for a request id whose reservation was released.
        """
        with self._taking(claim.request_id) as (db, take):
            self._check_epoch(db, claim)
            if stands := _again(db, claim):
                return stands
            holder = self._holder(db, claim)
            uses = tuple(one.repeated for one in claim.uses) if holder else claim.uses
            if used := self._uses.refusal(db, uses, claim.at):
                return used
            fact = _answered(db, claim, holder) or self._reserve(db, claim, take)
            if fact.reserved or (fact.replay and not fact.conflict) or not claim.metered:
                self._uses.take(db, uses)
            return fact

    def top_up(self, request_id: str, units: int, at: float) -> ClaimFact:
        """Raise a reservation to ``units`` in limits over megapixels. Raises ``LookupError`` for an unknown request."""
        with self._taking(request_id) as (db, take):
            if replayed := _replay(db, request_id):
                return ClaimFact(replay=replayed[1])
            known = _known(db, request_id)
            limits = weighed(unpack(known.taken))
            more = units - known.row.units
            if not limits or more <= 0 or known.row.state != "reserved":
                return ClaimFact(reserved=known.row.state == "reserved")
            return _raise_to(db, known, units, take(known.row.identity, limits, [more] * len(limits), at))

    def bind(self, request_id: str, fingerprint: str, model: str) -> str:
        """Tie the payload to the claim's idempotency key; the first request's model comes back.

        Raises ``Refusal`` ``idempotency.mismatch``, and ``LookupError`` for an unknown request.
        """
        with self._database.write() as db:
            replayed = _replay(db, request_id)
            first = usage_rows.by_seq(db, replayed[0]) if replayed else _known(db, request_id)
            assert first is not None
            if first.fingerprint in {"", fingerprint}:
                model = first.row.usage.model or model
                update = "UPDATE usage SET fingerprint = ?, model = ? WHERE seq = ?"
                db.execute(update, (fingerprint, model, first.seq))
                return model
            _end_replay(db, request_id, "released")
        raise Refusal("idempotency.mismatch", request_id=first.row.request_id)

    def settle(self, request_id: str, usage: Usage, at: float) -> tuple[LimitAnswer, ...]:
        """Charge what was reserved, and bring limits over bytes to what was moved; once, and never for a replay."""
        with self._database.write() as db:
            _end_replay(db, request_id, "settled")
            known = usage_rows.by_request(db, request_id)
            if known is None or not (known.row.state == "reserved" or _lapsed(known)):
                return ()
            self._settle(db, known, usage, at)
            return self._stand(db, known, at) if any(one.weighs_bytes for one in unpack(known.taken)) else ()

    def release(self, request_id: str, why: str, at: float) -> tuple[LimitAnswer, ...]:
        """Give quota back, unless the request is settled; the rate token stays spent."""
        with self._database.write() as db:
            _end_replay(db, request_id, "released")
            known = usage_rows.by_request(db, request_id)
            if known is None or known.row.state != "reserved":
                return ()
            self._release(db, known, why, at)
            return self._stand(db, known, at)

    def abort(self, request_id: str, at: float) -> None:
        """Release a request whose caller went away after work on it had begun; too many of these refuse new claims."""
        self.release(request_id, ABORTED, at)

    def refund(self, request_id: str, why: str, at: float) -> bool:
        """Release a settled request after all; false where there is none to refund."""
        with self._database.write() as db:
            known = usage_rows.by_request(db, request_id)
            if known is None or known.row.state != "settled":
                return False
            self._release(db, known, why, at)
            usage_rows.tell(db, known.seq, "refunded", at)
            return True

    def recover(self, at: float) -> int:
        """Release what a dead process left reserved, whatever its lease, and forgive replays that it did not end.

        Only for the one process that writes this database, before it takes its first claim: nobody works on them, so
        callers who try again under their idempotency keys need not wait for leases. Returns how many were released.
        """
        left = self._release_lapsed(at, lease_before=math.inf)
        with self._database.write() as db:
            for (request_id,) in db.execute(_DEAD_REPLAYS, (math.inf,)).fetchall():
                _end_replay(db, request_id, "released")
        return left

    def sweep(self, at: float) -> int:
        """Release reservations whose lease is over, forget what is long past, and bring the log to the disk.

        Call it every few seconds.
        """
        swept = self._release_lapsed(at, lease_before=at)
        with self._database.write() as db:
            usage_counters.sweep(db, before=micros(at - KEEP_COUNTERS_S))
            self._uses.sweep(db, before=at)
            for (request_id,) in db.execute(_DEAD_REPLAYS, (at - REPLAY_LEASE_S,)).fetchall():
                _end_replay(db, request_id, "released")
            db.execute("DELETE FROM replays WHERE at < ?", (at - 2 * HOLDS_S,))
            db.execute("DELETE FROM notices WHERE window < ?", (micros(at - KEEP_COUNTERS_S),))
        self._database.checkpoint()
        return swept

    # --- inside the transaction -----------------------------------------------------------------------------

    @contextmanager
    def _taking(self, request_id: str) -> Iterator[tuple[sqlite3.Connection, _TakeFrom]]:
        """A transaction, and how to take within it: whatever undoes the transaction undoes the take."""
        token = f"{request_id}.{secrets.token_hex(4)}"  # not the id alone: after a failure it is claimed again
        asked: list[tuple[str, Sequence[Limit], float]] = []

        def take(identity: str, limits: Sequence[Limit], costs: Sequence[int], at: float) -> Take:
            asked.append((identity, limits, at))
            return self._counting.take(db, identity, limits, costs, at, token)

        try:
            with self._database.write() as db:
                yield db, take
        except BaseException:
            for identity, limits, at in asked:
                self._counting.void(identity, limits, at, token)
            raise

    def _reserve(self, db: sqlite3.Connection, claim: Claim, take: _TakeFrom) -> ClaimFact:
        costs = first_costs(claim.limits, declared_bytes=claim.declared_bytes)
        took = take(claim.identity, claim.limits, costs, claim.at)
        if took.granted:
            usage_rows.insert_reservation(db, claim, pack(took.taken), credits_in(took.taken))
        return ClaimFact(limits=took.answers, reserved=took.granted)

    def _check_epoch(self, db: sqlite3.Connection, claim: Claim) -> None:
        if claim.epoch and self._database.epoch(db) not in {None, claim.epoch}:
            raise EpochChanged

    def _holder(self, db: sqlite3.Connection, claim: Claim) -> Reservation | None:
        """The row that owns the claim's key; one that is over gives the key up here."""
        if not (claim.metered and claim.idempotency_key):
            return None
        holder = usage_rows.by_key(db, claim.identity, claim.idempotency_key)
        if holder is None:
            return None
        if holder.row.state == "reserved" and holder.lease_until <= claim.at:
            self._release(db, holder, LAPSED, claim.at)
            return None
        if holder.row.settled_at is not None and holder.row.settled_at + HOLDS_S <= claim.at:
            db.execute("UPDATE usage SET holds_key = 0 WHERE seq = ?", (holder.seq,))
            return None
        return holder

    def _settle(self, db: sqlite3.Connection, known: Reservation, usage: Usage, at: float) -> None:
        held = unpack(known.taken)
        charged = with_bytes(held, usage.bytes_in + usage.bytes_out)
        before = given_back(held) if _lapsed(known) else held
        self._counting.amend(db, known.row.identity, before, charged, at)
        db.execute(
            "UPDATE usage SET state = 'settled', ended_at = ?, note = '', images = ?, pixels = ?, bytes_in = ?,"
            " bytes_out = ?, model = ?, ms = ?, taken = ?, credits = ? WHERE seq = ?",
            (
                at,
                usage.images,
                usage.pixels,
                usage.bytes_in,
                usage.bytes_out,
                usage.model or known.row.usage.model,
                usage.ms,
                pack(charged),
                credits_in(charged),
                known.seq,
            ),
        )
        # A lapsed reservation lost its idempotency key; it has it back unless another request took it meanwhile.
        db.execute("UPDATE OR IGNORE usage SET holds_key = idempotency_key <> '' WHERE seq = ?", (known.seq,))
        usage_rows.tell(db, known.seq, "settled", at)

    def _release(self, db: sqlite3.Connection, known: Reservation, why: str, at: float) -> None:
        held = unpack(known.taken)
        self._counting.amend(db, known.row.identity, held, given_back(held), at)
        db.execute(
            "UPDATE usage SET state = 'released', ended_at = ?, note = ?, holds_key = 0 WHERE seq = ?",
            (at, why, known.seq),
        )

    def _stand(self, db: sqlite3.Connection, known: Reservation, at: float) -> tuple[LimitAnswer, ...]:
        """Where the limits of a reservation stand; nothing where a store is away, since nothing depends on it."""
        limits = list(dict.fromkeys(one.limit for one in unpack(known.taken)))
        try:
            return self._counting.glance(db, known.row.identity, limits, at)
        except Unavailable:
            return ()

    def _release_lapsed(self, at: float, *, lease_before: float) -> int:
        released = 0
        while batch := self._release_some(at, lease_before):
            released += batch
        return released

    def _release_some(self, at: float, lease_before: float) -> int:
        with self._database.write() as db:
            over = usage_rows.lapsed(db, lease_before, _SWEEP_AT_ONCE)
            for known in over:
                self._release(db, known, LAPSED, at)
            return len(over)


def _raise_to(db: sqlite3.Connection, known: Reservation, units: int, took: Take) -> ClaimFact:
    if took.granted:
        taken = [*unpack(known.taken), *took.taken]
        raised = "UPDATE usage SET units = ?, taken = ?, credits = ? WHERE seq = ?"
        db.execute(raised, (units, pack(taken), credits_in(taken), known.seq))
    return ClaimFact(limits=took.answers, reserved=True)


def _lapsed(known: Reservation) -> bool:
    return known.row.state == "released" and known.row.note == LAPSED


def _known(db: sqlite3.Connection, request_id: str) -> Reservation:
    known = usage_rows.by_request(db, request_id)
    if known is None:
        raise LookupError(f"request {request_id} was never claimed")
    return known


def _again(db: sqlite3.Connection, claim: Claim) -> ClaimFact | None:
    """The same claim once more: its first answer was lost on the way."""
    if known := usage_rows.by_request(db, claim.request_id, claim.identity):
        return _repeated(known)
    if replayed := _replay(db, claim.request_id):
        return ClaimFact(replay=replayed[1])
    return None


def _repeated(known: Reservation) -> ClaimFact:
    if known.row.state == "released":
        raise ValueError(f"request {known.row.request_id} was released already; a new attempt needs a new request id")
    return ClaimFact(reserved=True)


def _answered(db: sqlite3.Connection, claim: Claim, holder: Reservation | None) -> ClaimFact | None:
    """The answer that needs no limits: nothing to take, a key in use, a delivered answer, too many aborts."""
    if not claim.metered:
        return ClaimFact()
    if holder is None:
        return _aborts(db, claim)
    fact = under_key(holder.row)
    if fact.replay and not fact.conflict:
        _begin_replay(db, claim, holder.seq, fact.replay)
    return fact


def _aborts(db: sqlite3.Connection, claim: Claim) -> ClaimFact | None:
    """The abort that is the limit's number of aborts back, where it is recent."""
    lately = (
        "SELECT ended_at FROM usage WHERE identity = ? AND note = 'aborted' AND ended_at > ? AND ended_at <= ?"
        " ORDER BY ended_at DESC LIMIT 1 OFFSET ?"
    )
    found = db.execute(lately, (claim.identity, claim.at - ABORT_WINDOW_S, claim.at, ABORTS - 1)).fetchone()
    return too_many_aborts(found[0], claim.at) if found else None


def _replay(db: sqlite3.Connection, request_id: str) -> tuple[int, int] | None:
    """The row that a replay repeats, and its number."""
    found = db.execute("SELECT usage, number FROM replays WHERE request_id = ?", (request_id,)).fetchone()
    return (found[0], found[1]) if found else None


def _begin_replay(db: sqlite3.Connection, claim: Claim, seq: int, number: int) -> None:
    db.execute("UPDATE usage SET replays = ? WHERE seq = ?", (number, seq))
    db.execute("INSERT INTO replays VALUES (?, ?, ?, 'running', ?)", (claim.request_id, seq, number, claim.at))


def _end_replay(db: sqlite3.Connection, request_id: str, state: str) -> None:
    """A replay that delivered nothing does not count."""
    ended = "UPDATE replays SET state = ? WHERE request_id = ? AND state = 'running' RETURNING usage"
    found = db.execute(ended, (state, request_id)).fetchone()
    if found and state == "released":
        db.execute("UPDATE usage SET replays = max(0, replays - 1) WHERE seq = ?", (found[0],))
