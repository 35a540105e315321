"""authorizer: the operator's own word on a request that everything else here would let pass."""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName

_NONE: Final = Finding("authorizer", Effect.NO_IMPACT)
_REMEMBERED: Final[dict[bool, tuple[str, ...]]] = {True: ("remembered from an earlier answer",), False: ()}


def judge(case: Case) -> Finding | FactName:
    """Refuse what it denies. That it cannot be asked is a dependency's failure and never a denial."""
    rules = case.rules.rulebook.authorizer
    if not rules.name or case.attempt.route.public or case.attempt.route.name in rules.except_routes:
        return _NONE
    fact = case.facts.authorizer
    if fact is None:
        return FactName.AUTHORIZER
    rule = f"authorizer {fact.name}"
    detail = "; ".join([*(f"{name}={value}" for name, value in fact.context.items()), *_REMEMBERED[fact.cached]])
    if fact.allowed:
        return Finding("authorizer", Effect.ALLOW, rule=rule, detail=detail)
    facts = {"name": fact.name, "why": fact.why or "it gave no reason"}
    return Finding("authorizer", Effect.EXPLICIT_DENY, "authorizer.denied", dict(facts), rule, detail)
