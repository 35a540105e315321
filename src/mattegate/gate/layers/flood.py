"""flood: what an address prefix may do before it has proved anything.

A penalised prefix is not shut out: a bounded number of credentials from it are still looked at, and beyond them those
whose key proved good there lately, so that one bad neighbour does not lock out everybody behind the same address.
"""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.layers.origin import permits
from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName, FloodFact, Plain

UNCOUNTED: Final = frozenset({"health", "ready"})
"""Public routes that supervisors ask all day."""

_NO_SAY: Final = Finding("flood", Effect.NO_IMPACT)
_CALM: Final = Finding("flood", Effect.ALLOW)
_LATELY: Final = "this key proved good there lately"


def judge(case: Case) -> Finding | FactName:
    """Refuse what a prefix has no budget left for."""
    if not case.rules.rulebook.flood.enabled or is_uncounted(case.attempt):
        return _NO_SAY
    flood = case.facts.flood
    if flood is None:
        return FactName.FLOOD
    if not presents(case.attempt, case.rules):
        return _CALM if flood.unproven_left else _refusal("flood.unauthenticated", flood)
    if flood.failures_left:
        return _CALM
    if flood.verification_left or flood.spared:
        return _in_spite(flood)
    return _refusal("flood.failed_credentials", flood)


def presents(attempt: Attempt, rules: Rules) -> bool:
    """Whether a credential is going to be looked at: on public routes, in preflights and from pages that are refused
    none is.

    What the meter counts goes by this, so that a worthless credential does not turn a request without one into
    something else.
    """
    if not attempt.credentials or attempt.route.public or attempt.preflight is not None:
        return False
    return attempt.origin is None or rules.rulebook.cors.shadow or permits(attempt, rules)


def is_uncounted(attempt: Attempt) -> bool:
    """Whether an attempt is none of the flood layer's business: a health check, and not a preflight to one."""
    return attempt.preflight is None and attempt.route.public and attempt.route.name in UNCOUNTED


def _in_spite(flood: FloodFact) -> Finding:
    """Why a credential of a penalised prefix is looked at all the same."""
    why = "this credential is within what is still read" if flood.verification_left else _LATELY
    return Finding("flood", Effect.ALLOW, detail=f"{flood.prefix} is penalised; {why}")


def _refusal(reason: str, flood: FloodFact) -> Finding:
    facts: dict[str, Plain] = {"prefix": flood.prefix, "retry_after_s": max(flood.retry_after_s, 1.0)}
    return Finding("flood", Effect.EXPLICIT_DENY, reason, facts, "flood")
