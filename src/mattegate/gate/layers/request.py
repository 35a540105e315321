"""request: the head must not be ambiguous, and a proxy that asks for others must say about what.

Which of two credentials is meant is never guessed, even where both are the same key: what a proxy in front took for
the credential might not be what is read here. Only a key and a signature may come together, where both are required.
"""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.vocabulary.attempt import SIGNED, TOKENS, Presented
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName, Plain

_CLEAR: Final = Finding("request", Effect.ALLOW)


def judge(case: Case) -> Finding | FactName:
    """Refuse doubled headers, more than one credential, and questions about nobody knows what."""
    attempt = case.attempt
    if attempt.behalf is not None and attempt.behalf.problem:
        facts: dict[str, Plain] = {"proxy": attempt.behalf.proxy, "problem": attempt.behalf.problem}
        return Finding("request", Effect.IMPLICIT_DENY, "request.original", facts)
    if attempt.doubled:
        return Finding("request", Effect.EXPLICIT_DENY, "request.duplicate_header", {"header": attempt.doubled[0]})
    if len(attempt.credentials) > 1 and not _pair(attempt.credentials):
        channels = ", ".join(presented.channel for presented in attempt.credentials)
        facts = {"count": len(attempt.credentials), "channels": channels}
        return Finding("request", Effect.EXPLICIT_DENY, "request.ambiguous_credentials", facts)
    return _CLEAR


def _pair(credentials: tuple[Presented, ...]) -> bool:
    """One API key and one signature: whether they belong together is the signature layer's to know."""
    signed = sum(presented.channel in SIGNED for presented in credentials)
    return len(credentials) == 2 and signed == 1 and not any(one.channel in TOKENS for one in credentials)
