"""Where a proven key stands in its life: the same for every way in which it can be proven."""

from __future__ import annotations

from mattegate.gate.case import Case
from mattegate.gate.wording import moment_text
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import KeyState, KeyView, Plain


def ended_finding(layer: str, case: Case, key: KeyView) -> Finding | None:
    """Why a proven key is not good (any more); ``None`` where it is."""
    if key.state is not KeyState.ACTIVE:
        return _ended(layer, key, "revoked" if key.state is KeyState.REVOKED else "disabled")
    if key.expires_at is not None and case.attempt.at >= key.expires_at:
        return _ended(layer, key, "expired", expired_at=moment_text(key.expires_at))
    if key.identity.state is not KeyState.ACTIVE:
        facts: dict[str, Plain] = {"key_id": key.id, "identity": key.identity.id}
        return Finding(layer, Effect.EXPLICIT_DENY, "credential.identity_disabled", facts)
    if key.environment not in case.rules.environments:
        served = ", ".join(case.rules.rulebook.credential.environments)
        return _ended(layer, key, "environment", environment=key.environment, served=served)
    return None


def who(key: KeyView) -> str:
    """Whose key it is, for the record."""
    told = f"key {key.id} of {key.identity.id}, tier {key.identity.tier}"
    if key.replaced_by and key.expires_at is not None:
        told += f"; replaced by {key.replaced_by}, in its overlap until {moment_text(key.expires_at)}"
    return told


def _ended(layer: str, key: KeyView, how: str, **facts: Plain) -> Finding:
    detail = f"replaced by {key.replaced_by}" if key.replaced_by else ""
    told: dict[str, Plain] = {"key_id": key.id, **facts}
    return Finding(layer, Effect.EXPLICIT_DENY, f"credential.{how}", told, detail=detail)
