"""The chain of administrative acts, pure: every entry carries the hash of the one before it.

What it shows: a changed, removed, inserted or moved entry breaks the chain from there on; an entry cut off the end
does not agree with the head that the store keeps beside its epoch. Who can write the whole file can forge both; against
that, an operator keeps a :class:`Head` elsewhere and hands it to :func:`first_break`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mattegate.ledger.protocols import AuditEntry
from mattegate.vocabulary.facts import Plain

NO_HASH: Final = "0" * 64
"""What the first entry follows."""


@dataclass(frozen=True, slots=True)
class Head:
    """A point of the chain: its newest one in the store, or one that an operator wrote down."""

    seq: int = 0
    hash: str = NO_HASH


def chained(
    head: Head, *, at: float, actor: str, act: str, subject: str, details: Mapping[str, Plain]
) -> AuditEntry:  # fmt: skip
    """The entry that follows ``head``. Raises ``ValueError`` for numbers that JSON does not have."""
    at, details = float(at), dict(details)
    digest = _digest(head.hash, head.seq + 1, at, actor, act, subject, details)
    return AuditEntry(head.seq + 1, at, actor, act, subject, details, head.hash, digest)


def first_break(entries: Iterable[AuditEntry], *, last: Head | None = None, known: Head | None = None) -> int | None:
    """The number of the first entry that is not what was written, or ``None`` for a sound chain.

    ``entries`` come in the order of the store. ``last`` is the head that the store keeps: the chain must end exactly
    there. ``known`` is a head written down elsewhere: the chain must go through it. What is missing at the end is told
    by the number that the first missing entry had.
    """
    at = Head()
    for entry in entries:
        if not _follows(at, entry) or (known is not None and known.seq == entry.seq and known.hash != entry.hash):
            return at.seq + 1
        at = Head(entry.seq, entry.hash)
    if known is not None and known.seq > at.seq:
        return at.seq + 1
    return None if last is None or last == at else _beyond(at, last)


def _beyond(end: Head, last: Head) -> int:
    """Where a sound chain that ends at ``end`` leaves the head ``last``."""
    return max(end.seq, 1) if last.seq == end.seq else min(end.seq, last.seq) + 1


def _follows(head: Head, entry: AuditEntry) -> bool:
    return (
        entry.seq == head.seq + 1
        and entry.previous == head.hash
        and entry.hash
        == _digest(head.hash, entry.seq, entry.at, entry.actor, entry.act, entry.subject, entry.details)
    )  # fmt: skip


def _digest(
    previous: str, seq: int, at: float, actor: str, act: str, subject: str, details: Mapping[str, Plain]
) -> str:  # fmt: skip
    rest = {"seq": seq, "at": at, "actor": actor, "act": act, "subject": subject, "details": dict(details)}
    return hashlib.sha256((previous + canonical(rest)).encode()).hexdigest()


def canonical(value: Mapping[str, object]) -> str:
    """One JSON text for one value: sorted names, no spaces, ASCII. Raises ``ValueError`` for NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
