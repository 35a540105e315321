"""signature: whether the request was signed by whoever holds the key, and whether it shows all that must be shown.

This is the last layer about who is asking, so what is required *at once* is judged here. A key and a signature together
are two credentials; they are let pass where both are required and both are one account's, and are ambiguous otherwise.
"""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.standing import ended_finding, who
from mattegate.vocabulary.attempt import SIGNED
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName, KeyView, Plain
from mattegate.vocabulary.proofs import BodyCover

_NONE: Final = Finding("signature", Effect.NO_IMPACT)


def judge(case: Case) -> Finding | FactName:
    """Refuse a signature that proves nothing, and a request that shows less than it must."""
    attempt = case.attempt
    if attempt.route.public:
        return _NONE
    if not case.presents(SIGNED):
        return _lacking(case, signed=False) or _NONE
    if unprovable := _unreadable(case) or _unread(case):
        return unprovable
    fact = case.facts.signature
    if fact is None:
        return FactName.SIGNATURE
    if fact.code or fact.key is None:
        return Finding("signature", Effect.IMPLICIT_DENY, fact.code or "signature.mismatch", fact.facts)
    return (
        ended_finding("signature", case, fact.key)
        or _apart(case, fact.key)
        or _lacking(case, signed=True)
        or Finding("signature", Effect.ALLOW, detail=_how(case, fact.key))
    )


def _unreadable(case: Case) -> Finding | None:
    flawed = case.attempt.unreadable
    if flawed is None or not flawed.code.startswith("signature."):
        return None
    return Finding("signature", Effect.IMPLICIT_DENY, flawed.code, flawed.facts)


def _unread(case: Case) -> Finding | None:
    """A signature that only the body could prove, where a proxy asks about the head alone."""
    stated, behalf = case.attempt.signature, case.attempt.behalf
    if stated is None or behalf is None or stated.body is not BodyCover.WHOLE:
        return None
    facts: dict[str, Plain] = {"key_id": stated.key_id, "scheme": stated.scheme, "proxy": behalf.proxy}
    return Finding("signature", Effect.IMPLICIT_DENY, "signature.body_unread", facts)


def _how(case: Case, key: KeyView) -> str:
    stated = case.attempt.signature
    return f"{stated.scheme} by {who(key)}" if stated else who(key)


def _apart(case: Case, signer: KeyView) -> Finding | None:
    """A key beside the signature that is not asked for, or is somebody else's."""
    keys = [key for key in case.proven if key is not signer]
    if not keys:
        return None
    if all(key.identity.id == signer.identity.id for key in keys) and "signature" in case.required:
        return None
    channels = ", ".join(presented.channel for presented in case.attempt.credentials)
    facts: dict[str, Plain] = {"count": len(case.attempt.credentials), "channels": channels}
    return Finding("signature", Effect.EXPLICIT_DENY, "request.ambiguous_credentials", facts)


def _lacking(case: Case, *, signed: bool) -> Finding | FactName | None:
    """What must be shown at once and is not."""
    required = case.required
    if not required or case.caller is None:
        return None
    rule = f"require = {list(required)}"
    facts: dict[str, Plain] = {"key_id": case.caller.id, "required": " and ".join(required)}
    if "signature" in required and not signed:
        return Finding("signature", Effect.IMPLICIT_DENY, "signature.required", facts, rule)
    if "key" in required and not case.shows_key:
        return Finding("signature", Effect.IMPLICIT_DENY, "credential.required", facts, rule)
    if "certificate" in required:
        if case.attempt.certificate is not None and case.facts.certificate is None:
            return FactName.CERTIFICATE
        lacking = Finding("signature", Effect.IMPLICIT_DENY, "credential.certificate_required", facts, rule)
        return _certificate(case, case.caller, lacking)
    return None


def _certificate(case: Case, caller: KeyView, lacking: Finding) -> Finding | None:
    """``lacking`` where no certificate of the caller's account was shown, or why the one that was is no good."""
    bound = case.facts.certificate.key if case.facts.certificate else None
    if bound is None or bound.identity.id != caller.identity.id:
        return lacking
    return ended_finding("signature", case, bound)
