"""What addresses are for, held to the standard library's own table and to the registries' rows."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mattegate.outbound.guard_addresses import INNER, NEVER, Kind, kind_of, translated
from mattegate.outbound.guard_rules import OutboundRules
from mattegate.outbound.guard_url import Address

EVERYTHING = OutboundRules(allow_networks=(ip_network("0.0.0.0/0"), ip_network("::/0")), allow_hosts=("host.example",))


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
@settings(max_examples=2_000)
def test_what_is_public_here_is_public_to_the_standard_library(address: Address) -> None:
    """Another table, by other people: ours may be stricter and never laxer."""
    if kind_of(address) is Kind.PUBLIC:
        assert address.is_global
        assert not any((address.is_multicast, address.is_reserved, address.is_private))


@given(st.ip_addresses(v=4))
@example(IPv4Address("127.0.0.1"))
@example(IPv4Address("93.184.215.14"))
def test_no_ipv6_address_made_from_ipv4_is_public(inside: IPv4Address) -> None:
    """Mapped, compatible, translated, tunnelled: whatever is embedded."""
    number = int(inside)
    bases = ["::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "2001::", "2001::ffff:ffff:0:0"]
    made = [IPv6Address(int(IPv6Address(base)) | number) for base in bases]
    made += [IPv6Address((0x2002 << 112) | (number << 80)), IPv6Address((0x2606 << 112) | (0x5EFE << 32) | number)]
    assert all(kind_of(address) is not Kind.PUBLIC for address in made)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("8.8.8.8", Kind.PUBLIC), ("1.1.1.1", Kind.PUBLIC), ("223.255.255.255", Kind.PUBLIC), ("11.0.0.0", Kind.PUBLIC),
     ("9.255.255.255", Kind.PUBLIC), ("172.15.255.255", Kind.PUBLIC), ("172.32.0.0", Kind.PUBLIC),
     ("100.63.255.255", Kind.PUBLIC), ("100.128.0.0", Kind.PUBLIC), ("168.63.129.15", Kind.PUBLIC),
     ("2606:4700::1", Kind.PUBLIC), ("2a00::1", Kind.PUBLIC), ("2001:200::1", Kind.PUBLIC), ("2003::1", Kind.PUBLIC),
     ("168.63.129.16", Kind.METADATA), ("fd00:ec2::254", Kind.METADATA), ("169.254.169.254", Kind.METADATA),
     ("169.254.170.2", Kind.METADATA), ("169.254.170.23", Kind.METADATA), ("169.254.42.42", Kind.METADATA),
     ("169.254.0.23", Kind.METADATA), ("192.0.0.192", Kind.METADATA), ("fd20:ce::254", Kind.METADATA),
     ("100.100.100.200", Kind.METADATA), ("::ffff:0:808:808", Kind.EMBEDDED),
     ("169.254.0.1", Kind.LINK_LOCAL), ("fe80::1", Kind.LINK_LOCAL), ("::1", Kind.LOOPBACK), ("::2", Kind.EMBEDDED),
     ("::", Kind.UNSPECIFIED), ("0.1.2.3", Kind.UNSPECIFIED), ("255.255.255.255", Kind.BROADCAST),
     ("255.255.255.254", Kind.RESERVED), ("fec0::1", Kind.PRIVATE), ("100.64.0.0", Kind.SHARED),
     ("64:ff9b::808:808", Kind.NAT64), ("2001:2::1", Kind.BENCHMARKING), ("2001:1ff::1", Kind.RESERVED),
     ("1000::1", Kind.RESERVED), ("e000::1", Kind.RESERVED), ("2606:4700::200:5efe:808:808", Kind.EMBEDDED)],
)  # fmt: skip
def test_the_borders_of_the_blocks(text: str, kind: Kind) -> None:
    """The first and last of a block, and their neighbours."""
    assert kind_of(ip_address(text)) is kind


@pytest.mark.parametrize(
    "text",
    ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "168.63.129.16", "0.0.0.0", "::", "224.0.0.1", "ff02::1",
     "255.255.255.255", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "2002:a00:1::", "2001:0:1::1", "64:ff9b:1::a00:1"],
)  # fmt: skip
def test_some_addresses_no_rule_allows(text: str) -> None:
    """Not the widest networks, and not by name."""
    assert EVERYTHING.refusal("host.example", ip_address(text)) in NEVER


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "fd12::1", "100.64.1.1"])
def test_a_name_may_be_allowed_to_lead_inside(text: str) -> None:
    """That name alone, and to servers of one's own alone."""
    named = OutboundRules(allow_hosts=("idp.corp.example",))
    assert named.refusal("idp.corp.example", ip_address(text)) is None
    assert named.refusal("idp.corp.example.evil.example", ip_address(text)) in INNER
    assert named.refusal("idp.corp.example", ip_address("169.254.1.1")) is Kind.LINK_LOCAL
    assert named.refusal("idp.corp.example", ip_address("8.8.8.8"), own=True) is None
    assert named.refusal("other.example", ip_address("8.8.8.8"), own=True) is Kind.OWN


def test_a_network_may_be_allowed_under_any_name() -> None:
    """It and nothing beside it."""
    ours = OutboundRules(allow_networks=(ip_network("10.20.0.0/16"), ip_network("fd12::/16")))
    assert ours.refusal("any.example", ip_address("10.20.255.255")) is None
    assert ours.refusal("any.example", ip_address("fd12::1")) is None
    assert ours.refusal("any.example", ip_address("10.21.0.0")) is Kind.PRIVATE
    assert ours.refusal("any.example", ip_address("::ffff:10.20.0.1")) is Kind.EMBEDDED


def test_behind_a_translator_the_embedded_address_counts() -> None:
    """A machine with IPv6 alone may allow its translator, and gets no further inside by it."""
    translating = OutboundRules(allow_networks=(ip_network("64:ff9b::/96"),))
    assert translating.refusal("any.example", ip_address("64:ff9b::808:808")) is None
    assert translating.refusal("any.example", ip_address("64:ff9b::a9fe:a9fe")) is Kind.METADATA
    assert translating.refusal("any.example", ip_address("64:ff9b::7f00:1")) is Kind.LOOPBACK
    assert OutboundRules().refusal("any.example", ip_address("64:ff9b::808:808")) is Kind.NAT64
    assert translated(ip_address("2606:4700::1")) is None
