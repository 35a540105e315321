"""policy: what a proven caller may do here: scope, and what the key is bound to. A key only narrows."""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.layers.network import undeclared_proxy
from mattegate.gate.networks import bound_networks, parse_address
from mattegate.gate.origins import bound_origins
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName, KeyView, Plain

_PUBLIC: Final = Finding("policy", Effect.NO_IMPACT)
_ALLOWED: Final = Finding("policy", Effect.ALLOW)


def judge(case: Case) -> Finding | FactName:
    """Refuse what the caller's tier, scopes or the bindings of the key do not cover."""
    key = case.caller
    if case.attempt.route.public:
        return _PUBLIC
    if key is None:
        raise LookupError("nobody proved themselves, yet the credential layer let the attempt pass")
    tier, scope = key.identity.tier, case.attempt.route.scope
    if tier not in case.rules.tiers:
        return _deny("policy.tier_missing", {"tier": tier, "identity": key.identity.id}, f"tiers.{tier}")
    if scope and not key.allows_scope(scope):
        return _deny("policy.scope", {"key_id": key.id, "scope": scope}, f"scope {scope}")
    return _address(case, key) or _origin(case, key) or model_finding(key, case.attempt.model) or _ALLOWED


def _address(case: Case, key: KeyView) -> Finding | None:
    if not key.addresses:
        return None
    if case.client.undeclared:
        return undeclared_proxy("policy", case)
    if bound_networks(key.addresses).find(parse_address(case.client.address)):
        return None
    address = case.client.address or "an unknown address"
    return _deny("policy.address", {"key_id": key.id, "address": address, "bound": ", ".join(key.addresses)})


def _origin(case: Case, key: KeyView) -> Finding | None:
    origin = case.attempt.origin
    if not key.origins or origin is None or bound_origins(key.origins).hold(origin):
        return None
    return _deny("policy.origin", {"key_id": key.id, "origin": origin, "bound": ", ".join(key.origins)})


def model_finding(key: KeyView, model: str) -> Finding | None:
    """The refusal of a model that ``key`` is not bound to; ``None`` where it may be used or none is named."""
    if not key.models or not model or model in key.models:
        return None
    return _deny("policy.model", {"key_id": key.id, "model": model, "bound": ", ".join(key.models)})


def _deny(reason: str, facts: dict[str, Plain], rule: str = "") -> Finding:
    key = facts.get("key_id", "")
    return Finding("policy", Effect.IMPLICIT_DENY, reason, facts, rule or f"key {key}")
