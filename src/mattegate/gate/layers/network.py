"""network: which client addresses are heard, and whether whoever asks on behalf of others may.

A denial that matches wins over every allowance; where anything is allowed, what is not allowed is refused. Rules in
shadow are judged the same way and reported, never enforced.
"""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.networks import Address, parse_address
from mattegate.gate.rules import AddressRules
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName, Plain

_NO_RULES: Final = Finding("network", Effect.NO_IMPACT)


def judge(case: Case) -> Finding | FactName:
    """Refuse addresses by rule, and addresses that cannot be known."""
    rules = case.rules
    if case.attempt.behalf is not None and not case.client.trusted:
        facts: dict[str, Plain] = {"peer": case.attempt.peer or "a Unix socket"}
        return Finding("network", Effect.IMPLICIT_DENY, "network.not_a_proxy", facts, "network.trusted_proxies")
    if rules.any_network:
        return _NO_RULES
    client = case.client
    if client.problem:
        return _unreadable(case)
    if not rules.addresses:
        return Finding("network", Effect.NO_IMPACT, detail=_seen(case))
    if client.undeclared:
        return undeclared_proxy("network", case)
    return _judged(case, rules.addresses, parse_address(client.address))


def undeclared_proxy(layer: str, case: Case) -> Finding:
    """What a layer answers that needs the client's address behind a proxy which was not declared."""
    facts: dict[str, Plain] = {"peer": case.attempt.peer or "a Unix socket", "header": case.client.undeclared}
    return Finding(
        layer, Effect.ERROR, "network.undeclared_proxy", facts, "network.trusted_proxies",
        "the address behind the proxy is needed here",
    )  # fmt: skip


def _unreadable(case: Case) -> Finding:
    facts: dict[str, Plain] = {
        "header": case.client.header,
        "peer": case.attempt.peer or "a Unix socket",
        "value": case.client.problem,
    }
    return Finding("network", Effect.ERROR, "network.forwarded_unreadable", facts)


def _judged(case: Case, rules: AddressRules, address: Address | None) -> Finding:
    if rule := rules.denied.find(address):
        return _refusal(case, "network.denied", rule)
    allowed = rules.allowed.find(address)
    if rules.allowed and not allowed:
        return _refusal(case, "network.not_allowed", "network.allow")
    if rule := rules.shadow_denied.find(address):
        return _refusal(case, "network.denied", rule, shadow=True)
    if rules.shadow_allowed and not allowed and not rules.shadow_allowed.find(address):
        return _refusal(case, "network.not_allowed", "network.shadow_allow", shadow=True)
    return Finding("network", Effect.ALLOW, rule=allowed, detail=_seen(case))


def _refusal(case: Case, reason: str, rule: str, *, shadow: bool = False) -> Finding:
    effect = Effect.EXPLICIT_DENY if reason == "network.denied" else Effect.IMPLICIT_DENY
    facts: dict[str, Plain] = {"address": case.client.address or "an unknown address", "rule": rule}
    return Finding("network", effect, reason, facts, rule, _seen(case), shadow)


def _seen(case: Case) -> str:
    client = case.client
    if not client.header:
        hint = ", which sends X-Real-IP only; that is not read" if client.trusted_hops == () and _lone(case) else ""
        return f"the client is {client.address or 'unknown'}, by its connection{hint}"
    return f"the client is {client.address}, by {client.header} from {', '.join(client.trusted_hops)}"


def _lone(case: Case) -> bool:
    attempt = case.attempt
    return bool(attempt.real_ip) and not attempt.forwarded_for and not attempt.forwarded
