"""What the layers of limits share: whether an attempt takes anything, and the finding of the limit that refuses it."""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.wording import moment_text, untellable, window_text
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import ClaimFact, LimitAnswer, LimitKind, Plain

_REASONS: Final = {
    LimitKind.RATE: "rate.exceeded",
    LimitKind.QUOTA: "quota.exceeded",
    LimitKind.BYTES: "quota.bytes",
    LimitKind.CREDITS: "quota.credits",
}


def takes(attempt: Attempt) -> bool:
    """Whether an attempt takes from limits; on a public route there is nobody to take from."""
    return attempt.route.metered and not attempt.route.public


def limit_finding(layer: str, case: Case, claim: ClaimFact, kinds: frozenset[LimitKind]) -> Finding | None:
    """The first limit of these kinds that refuses; where none does, the first in shadow that would."""
    tried: LimitAnswer | None = None
    for answer in claim.limits:
        if answer.allowed or answer.kind not in kinds:
            continue
        if not answer.shadow:
            return _finding(layer, case, answer)
        tried = tried or answer
    return _finding(layer, case, tried) if tried else None


def _finding(layer: str, case: Case, answer: LimitAnswer) -> Finding:
    key = case.caller
    identity, tier = (key.identity.id, key.identity.tier) if key else ("", "")
    own = key is not None and any(limit.name == answer.name for limit in key.identity.limits)
    rule = f"identity {identity}: {answer.name}" if own else f"tiers.{tier}.{answer.name}"
    facts = _facts(answer, identity, case.attempt.at)
    return Finding(layer, Effect.EXPLICIT_DENY, _REASONS[answer.kind], facts, rule, shadow=answer.shadow)


def _facts(answer: LimitAnswer, identity: str, at: float) -> dict[str, Plain]:
    wait = answer.retry_after_s
    return {
        "name": answer.name,
        "limit": answer.limit,
        "window": window_text(answer.window_s),
        "remaining": answer.remaining,
        "cost": 1,
        "resets_at": moment_text(at + (answer.reset_s if answer.kind is not LimitKind.RATE else max(wait, 0.0))),
        "retry_after_s": wait,
        "identity": identity,
    }


def conflict_finding(layer: str, case: Case, claim: ClaimFact) -> Finding:
    """The refusal of a claim for another cause than a limit: an idempotency key in use, too many abandoned requests."""
    key = case.caller
    facts: dict[str, Plain] = {
        "identity": key.identity.id if key else "",
        "request_id": claim.holder or "an earlier request",
        "replays": max(claim.replay - 1, 0),
        "length": len(case.attempt.idempotency_key),
    }
    if claim.retry_after_s:
        facts["retry_after_s"] = claim.retry_after_s
    if problem := untellable(claim.conflict, facts):
        return Finding(layer, Effect.ERROR, "internal.error", {"problem": problem})
    return Finding(layer, Effect.EXPLICIT_DENY, claim.conflict, facts)
