"""route: whether there is anything at this path, and whether it answers this method."""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName, Plain

_FOUND: Final = Finding("route", Effect.ALLOW)


def judge(case: Case) -> Finding | FactName:
    """Refuse unknown paths and methods; a route that lists no methods takes any."""
    attempt = case.attempt
    route = attempt.route
    if not route.name:
        return _deny("route.unknown", {"path": attempt.path, "method": attempt.method})
    if route.methods and attempt.method not in route.methods:
        allowed = ", ".join(route.methods)
        return _deny("route.method", {"path": attempt.path, "method": attempt.method, "allowed": allowed})
    return _FOUND


def _deny(reason: str, facts: dict[str, Plain]) -> Finding:
    return Finding("route", Effect.IMPLICIT_DENY, reason, facts)
