"""replay: what may be used once, or so many times, was not used up already, as the claim answered."""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.metering import conflict_finding
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName

_NONE: Final = Finding("replay", Effect.NO_IMPACT)
_FRESH: Final = Finding("replay", Effect.ALLOW)
_REASONS: Final = ("signature.", "token.", "rate.nonces")


def judge(case: Case) -> Finding | FactName:
    """Refuse a nonce, a signature or a token that was used before; nothing to say of what may be used for ever."""
    if not case.uses:
        return _NONE
    claim = case.facts.claim
    if claim is None:
        return FactName.CLAIM
    return conflict_finding("replay", case, claim) if claim.conflict.startswith(_REASONS) else _FRESH
