"""token: who is asking, by a JSON Web Token of an issuer that is trusted here, or of this server itself."""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.standing import ended_finding, who
from mattegate.vocabulary.attempt import TOKENS
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName

_NONE: Final = Finding("token", Effect.NO_IMPACT)


def judge(case: Case) -> Finding | FactName:
    """Refuse a token that proves nothing; what it may be used for is the policy layer's."""
    attempt = case.attempt
    if attempt.route.public or not case.presents(TOKENS):
        return _NONE
    unreadable = attempt.unreadable
    if unreadable is not None and unreadable.code.startswith("token."):
        return Finding("token", Effect.IMPLICIT_DENY, unreadable.code, unreadable.facts)
    fact = case.facts.token
    if fact is None:
        return FactName.TOKEN
    if fact.code or fact.key is None:
        return Finding("token", Effect.IMPLICIT_DENY, fact.code or "token.signature", fact.facts)
    return ended_finding("token", case, fact.key) or Finding("token", Effect.ALLOW, detail=who(fact.key))
