"""host: which names are served, whether bare addresses are, and which names are for private networks only."""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.hosts import is_default_endpoint, plain_host
from mattegate.gate.layers.network import undeclared_proxy
from mattegate.gate.networks import parse_address
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName, Plain

_ANY: Final = Finding("host", Effect.NO_IMPACT)
_SERVED: Final = Finding("host", Effect.ALLOW)


def judge(case: Case) -> Finding | FactName:
    """Refuse hosts that are not served, or not from there."""
    rules = case.rules
    if rules.any_host:
        return _ANY
    name = plain_host(case.attempt.host)
    if rules.private_names.hold(name):
        return _private(case)
    if rules.names.hold(name):
        return _SERVED
    if is_default_endpoint(name):
        return _default_endpoint(case)
    if rules.names or not name:
        return Finding(
            "host", Effect.IMPLICIT_DENY, "host.unknown", {"host": case.attempt.host}, "hosts.names",
        )  # fmt: skip
    return _ANY


def _default_endpoint(case: Case) -> Finding:
    if case.rules.rulebook.host.default_endpoint:
        return _SERVED
    facts: dict[str, Plain] = {"host": case.attempt.host}
    return Finding("host", Effect.EXPLICIT_DENY, "host.default_endpoint_disabled", facts, "hosts.default_endpoint")


def _private(case: Case) -> Finding:
    client = case.client
    if client.undeclared:
        return undeclared_proxy("host", case)
    if found := case.rules.private_networks.find(parse_address(client.address)):
        return Finding("host", Effect.ALLOW, rule=found)
    facts: dict[str, Plain] = {"host": case.attempt.host, "address": client.address or "an unknown address"}
    return Finding("host", Effect.IMPLICIT_DENY, "host.private", facts, "hosts.private_networks")
