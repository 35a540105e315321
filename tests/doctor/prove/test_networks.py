"""One address playing another's part in rules about addresses."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.prove.networks import Double, network_of

PLAYER = ipaddress.ip_address("127.77.77.77")
V4 = st.ip_addresses(v=4)
NETWORKS = st.builds(lambda address, size: f"{address}/{size}", V4, st.integers(0, 32)) | st.sampled_from(
    ["127.0.0.0/8", "127.77.77.77", "0.0.0.0/0", "::/0", "::1", "2001:db8::/32", "all", "unix:", "name.example"]
)


def _holds(rules: list[str], address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(network is not None and address in network for network in map(network_of, rules))


@settings(max_examples=500, deadline=None)
@given(V4 | st.ip_addresses(v=6), NETWORKS, V4)
def test_the_player_is_in_a_rule_exactly_when_the_real_address_is(
    real: ipaddress.IPv4Address | ipaddress.IPv6Address, network: str, other: ipaddress.IPv4Address
) -> None:
    """And nobody else's membership changes."""
    written = Double(real, PLAYER).networks(network)
    assert _holds(written, PLAYER) == _holds([network], real)
    if other != PLAYER:
        assert _holds(written, other) == _holds([network], other)
    if network_of(network) is None:
        assert written == [network]


def _rows(*pairs: tuple[str, str]) -> list[Directive]:
    return [Directive(name, (value,), "f", 1) for name, value in pairs]


def test_a_geo_table_gives_the_player_what_the_longest_network_says() -> None:
    """The longest network that holds the real address counts, and the default where none does."""
    double = Double(ipaddress.ip_address("10.1.2.3"), PLAYER)
    rows = _rows(
        ("default", "d"), ("10.0.0.0/8", "a"), ("10.1.0.0/16", "b"), ("10.2.0.0/24", "c"), ("127.0.0.0/8", "l")
    )
    assert double.geo_rows(rows) == ("127.77.77.77", "b")
    assert double.geo_rows(_rows(("default", "d"), ("192.0.2.0/24", "x"))) == ("127.77.77.77", "d")
    assert double.geo_rows(_rows(("192.0.2.0/24", "x"))) == ("127.77.77.77", "")
