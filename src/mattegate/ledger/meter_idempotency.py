"""What a claim gets under an idempotency key that was used before. Pure: the row that holds the key comes in."""

from __future__ import annotations

from typing import Final

from mattegate.ledger.protocols import UsageRow
from mattegate.vocabulary.facts import ClaimFact

HOLDS_S: Final = 24 * 3600
"""How long a delivered answer can be had again under its key; published in the API's documentation."""
REPLAYS: Final = 3
"""How often."""
ABORTS: Final = 20
"""Requests an identity may abandon within :data:`ABORT_WINDOW_S` after work on them had begun."""
ABORT_WINDOW_S: Final = 600
ABORTED: Final = "aborted"
LAPSED: Final = "lease"


def under_key(holder: UsageRow) -> ClaimFact:
    """The answer to a claim whose key belongs to ``holder``, which is reserved or settled."""
    if holder.state == "reserved":
        return ClaimFact(conflict="idempotency.in_progress", holder=holder.request_id)
    conflict = "idempotency.exhausted" if holder.replays >= REPLAYS else ""
    return ClaimFact(replay=holder.replays + 1, conflict=conflict, holder=holder.request_id)


def too_many_aborts(oldest_counted: float, at: float) -> ClaimFact:
    """The conflict of an identity that abandons requests; ``oldest_counted`` is the abort that makes room next."""
    return ClaimFact(conflict="rate.aborts", retry_after_s=max(1.0, oldest_counted + ABORT_WINDOW_S - at))
