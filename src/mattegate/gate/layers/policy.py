"""policy: what a proven caller may do here: scope, what the key is bound to, and the operator's policies.

A key only narrows; policies come last, so that the most particular reason is told.
"""

from __future__ import annotations

from typing import Final

from mattegate.gate.asking_policies import judged, lets_through
from mattegate.gate.case import Case
from mattegate.gate.layers.network import undeclared_proxy
from mattegate.gate.networks import bound_networks, parse_address
from mattegate.gate.origins import bound_origins
from mattegate.gate.paths import judged_whole
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
    tier = key.identity.tier
    if tier not in case.rules.tiers:
        return _deny("policy.tier_missing", {"tier": tier, "identity": key.identity.id}, f"tiers.{tier}")
    for one in case.proven or (key,):
        if narrowed := _scope(case, one) or _address(case, one) or _origin(case, one):
            return narrowed
        if narrowed := _unseen(case, one) or _model(case, one) or _size(case, one):
            return narrowed
    return _policies(case, key) or _ALLOWED


def _scope(case: Case, key: KeyView) -> Finding | None:
    scope = case.attempt.route.scope
    if not scope or key.allows_scope(scope):
        return None
    token = case.facts.token
    if token is not None and token.key is key:
        facts: dict[str, Plain] = {"scope": scope, "given": " ".join(key.scopes or key.identity.scopes)}
        return _deny("token.insufficient_scope", facts, f"scope {scope}")
    return _deny("policy.scope", {"key_id": key.id, "scope": scope}, f"scope {scope}")


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


def _model(case: Case, key: KeyView) -> Finding | None:
    """The model that the head names, and then the one that the body did or that is the default."""
    payload = case.facts.payload
    model = payload.model if payload else case.attempt.model
    if not key.models or not model or model in key.models or (payload and payload.alias in key.models):
        return None
    return _deny("policy.model", {"key_id": key.id, "model": model, "bound": ", ".join(key.models)})


def _unseen(case: Case, key: KeyView) -> Finding | None:
    """What narrows a key to certain images is worth nothing where no image is seen, so nothing is let in by it there.

    An application that the gate is embedded in sees the key itself, and its models.
    """
    route = case.attempt.route
    if key.megapixels and not route.staged:
        return _deny("token.cutouts_only", {"route": route.name}, "cut-outs of this server alone")
    bound = "models" if key.models else "hosts of images" if key.url_hosts else ""
    if case.attempt.behalf is None or not bound:
        return None
    return _deny("policy.unseen", {"key_id": key.id, "bound": bound})


def _size(case: Case, key: KeyView) -> Finding | None:
    """Of the image in the body, where the key is a token that is good for small ones."""
    payload = case.facts.payload
    if not key.megapixels or payload is None or (payload.megapixels or 0) <= key.megapixels:
        return None
    facts: dict[str, Plain] = {"megapixels": payload.megapixels, "limit": key.megapixels}
    return _deny("token.pixels", facts, "megapixels of the token")


def _policies(case: Case, key: KeyView) -> Finding | None:
    policies, attempt = case.rules.policies, case.attempt
    if policies is not None and policies.of_the_address and case.client.undeclared:
        return undeclared_proxy("policy", case)
    if policies is not None and policies.of_the_path and lets_through(attempt.route) and not judged_whole(attempt.path):
        return _deny("policy.path", {"path": attempt.path}, "policies by path")
    return judged(case, key)


def _deny(reason: str, facts: dict[str, Plain], rule: str = "") -> Finding:
    key = facts.get("key_id", "")
    return Finding("policy", Effect.IMPLICIT_DENY, reason, facts, rule or f"key {key}")
