"""quota: fixed windows, bytes and credits, as the claim answered; and idempotency keys, which stand for one payment."""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.metering import conflict_finding, limit_finding, takes
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName, LimitKind

_UNMETERED: Final = Finding("quota", Effect.NO_IMPACT)
_WITHIN: Final = Finding("quota", Effect.ALLOW)
_KINDS: Final = frozenset({LimitKind.QUOTA, LimitKind.BYTES, LimitKind.CREDITS})


def judge(case: Case) -> Finding | FactName:
    """Refuse by the first quota that is used up, or by an idempotency key that is in use or used up."""
    if not takes(case.attempt):
        return _UNMETERED
    claim = case.facts.claim
    if claim is None:
        return FactName.CLAIM
    if claim.conflict:
        return conflict_finding("quota", case, claim)
    finding = limit_finding("quota", case, claim, _KINDS)
    if finding is None and claim.replay:
        return Finding("quota", Effect.NO_IMPACT, detail=f"free of charge: the answer is made again ({claim.replay})")
    return finding or _WITHIN
