"""rate: the limits that refill evenly, as the claim answered."""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.metering import conflict_finding, limit_finding, takes
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName, LimitKind

_UNMETERED: Final = Finding("rate", Effect.NO_IMPACT)
_WITHIN: Final = Finding("rate", Effect.ALLOW)
_KINDS: Final = frozenset({LimitKind.RATE})


def judge(case: Case) -> Finding | FactName:
    """Refuse by the first rate that is used up, or after too many abandoned requests."""
    if not takes(case.attempt):
        return _UNMETERED
    claim = case.facts.claim
    if claim is None:
        return FactName.CLAIM
    if claim.conflict.startswith("rate."):
        return conflict_finding("rate", case, claim)
    return limit_finding("rate", case, claim, _KINDS) or _WITHIN
