"""A rulebook that cannot be meant is refused when it is compiled, by the name of its setting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattegate.gate.rules import Rules
from mattegate.vocabulary.rulebook import (
    CorsRules,
    CredentialRules,
    HostRules,
    Limit,
    NetworkRule,
    NetworkRules,
    Rulebook,
    Tier,
)
from tests.gate.situations import RULEBOOK, RULES


@pytest.mark.parametrize(
    ("rulebook", "told"),
    [
        (Rulebook(network=NetworkRules(("10.0.0.300",))), r"network.trusted_proxies: '10.0.0.300'"),
        (Rulebook(network=NetworkRules(("0.0.0.0/0",))), r"network.trusted_proxies: '0.0.0.0/0' would believe"),
        (Rulebook(network=NetworkRules(("::/0",))), r"network.trusted_proxies: '::/0' would believe"),
        (Rulebook(network=NetworkRules((), (NetworkRule("everyone", False),))), r"network.deny: 'everyone'"),
        (Rulebook(network=NetworkRules((), (NetworkRule("10/8/8", True),))), r"network.allow: '10/8/8'"),
        (Rulebook(host=HostRules(names=("https://x.example",))), r"hosts.names: 'https://x.example'"),
        (Rulebook(host=HostRules(private_names=("a b",))), r"hosts.private_names: 'a b'"),
        (Rulebook(host=HostRules(private_networks=("lan",))), r"hosts.private_networks: 'lan'"),
        (Rulebook(cors=CorsRules(headers=("X Y",))), r"cors.allowed_headers: 'X Y'"),
        (Rulebook(credential=CredentialRules(unknown_status=404)), r"keys.unknown_status: 404"),
        (
            Rulebook(credential=CredentialRules(anonymous_tier="gold")),
            r"keys.unsafe_anonymous: there is no tier 'gold'",
        ),
        (Rulebook(tiers=(Tier("a"), Tier("a"))), r"tiers: 'a' stands there twice"),
        (Rulebook(tiers=(Tier("a", priority="first"),)), r"tiers.a.priority: 'first'"),
        (Rulebook(tiers=(Tier("a", (Limit("x", "weekly", 1, 1),)),)), r"tiers.a: .*the kind 'weekly'"),
        (Rulebook(tiers=(Tier("a", (Limit("x", "rate", 1, 0),)),)), r"a window of 0 s"),
        (Rulebook(tiers=(Tier("a", (Limit("x", "rate", -1, 1),)),)), r"below zero"),
        (Rulebook(tiers=(Tier("a", (Limit("x", "rate", 1, 1), Limit("x", "rate", 2, 1))),)), r"'x' .*twice"),
    ],
)
def test_what_cannot_be_meant_is_named(rulebook: Rulebook, told: str) -> None:
    """Every message names the setting and the value."""
    with pytest.raises(ValueError, match=told):
        Rules.of(rulebook)


def test_a_compiled_rulebook_keeps_its_revision() -> None:
    """Records name the rulebook by the hash of its contents, and another rule is another hash."""
    assert RULES.revision == RULEBOOK.revision()
    assert Rules.of(replace(RULEBOOK, host=HostRules(("x.example",)))).revision != RULES.revision
