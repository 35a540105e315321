"""What every IP address is for, by the IANA special-purpose registries; pure.

Closed by default: of IPv6, only 2000::/3 is public, and an address in no table of IPv4 is public only because every
block that is not has a row. Rows are read in order, the narrow before the wide. Sources: IANA IPv4 and IPv6
Special-Purpose Address Registries (RFC 6890); RFC 6052 and RFC 8215 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo),
RFC 5214 (ISATAP), RFC 3879 (site-local); metadata services by the providers' own documentation.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final

from mattegate.outbound.guard_url import Address


class Kind(StrEnum):
    """What an address is for."""

    PUBLIC = "public"
    METADATA = "metadata"
    """Gives a cloud machine's credentials to whoever asks from it."""
    UNSPECIFIED = "unspecified"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    SHARED = "shared"
    """Carrier-grade NAT (RFC 6598)."""
    OWN = "own"
    """Public, but of this very machine: behind its own firewall. Not told by the number alone."""
    LINK_LOCAL = "link_local"
    MULTICAST = "multicast"
    BROADCAST = "broadcast"
    DOCUMENTATION = "documentation"
    BENCHMARKING = "benchmarking"
    RESERVED = "reserved"
    NAT64 = "nat64"
    """An IPv4 address behind the well-known translator."""
    EMBEDDED = "embedded"
    """An IPv4 address in IPv6 clothes: mapped, compatible, 6to4, Teredo, ISATAP, local NAT64."""


NEVER: Final = frozenset({Kind.METADATA, Kind.UNSPECIFIED, Kind.MULTICAST, Kind.BROADCAST, Kind.EMBEDDED})
"""No rule allows these: no web server has such an address, or none that we should ask."""
INNER: Final = frozenset({Kind.LOOPBACK, Kind.PRIVATE, Kind.SHARED, Kind.OWN})
"""Where servers of one's own stand."""

_ROWS: Final = {
    Kind.METADATA: """169.254.169.254 169.254.170.2 169.254.170.23 169.254.42.42 169.254.0.23
        100.100.100.200 192.0.0.192 168.63.129.16 fd00:ec2::/32 fd20:ce::254 fd00:42::42 fd00:c1::a9fe:a9fe
        fe80::a9fe:a9fe""",
    Kind.UNSPECIFIED: "0.0.0.0/8 ::/128",
    Kind.BROADCAST: "255.255.255.255",
    Kind.LOOPBACK: "127.0.0.0/8 ::1/128",
    Kind.PRIVATE: "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10",
    Kind.SHARED: "100.64.0.0/10",
    Kind.LINK_LOCAL: "169.254.0.0/16 fe80::/10",
    Kind.MULTICAST: "224.0.0.0/4 ff00::/8",
    Kind.DOCUMENTATION: "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20",
    Kind.BENCHMARKING: "198.18.0.0/15 2001:2::/48",
    Kind.NAT64: "64:ff9b::/96",
    Kind.EMBEDDED: "::ffff:0:0/96 ::ffff:0:0:0/96 ::/96 64:ff9b:1::/48 2002::/16 2001::/32",
    Kind.RESERVED: "192.0.0.0/24 192.88.99.0/24 240.0.0.0/4 2001::/23",
}
_TABLE: Final = tuple((ip_network(text), kind) for kind, texts in _ROWS.items() for text in texts.split())
_GLOBAL_UNICAST: Final = ip_network("2000::/3")
_ISATAP: Final = 0x0000_5EFE
_ISATAP_MASK: Final = 0xFDFF_FFFF
"""The identifier is ::0:5efe:a.b.c.d or ::200:5efe:a.b.c.d (RFC 5214, section 6.1)."""


def kind_of(address: Address) -> Kind:
    """What ``address`` is for. Never :attr:`Kind.OWN`, which a number does not show."""
    for network, kind in _TABLE:
        if address in network:
            return kind
    if isinstance(address, IPv4Address):
        return Kind.PUBLIC
    if int(address) >> 32 & _ISATAP_MASK == _ISATAP:
        return Kind.EMBEDDED
    return Kind.PUBLIC if address in _GLOBAL_UNICAST else Kind.RESERVED


def translated(address: Address) -> IPv4Address | None:
    """The IPv4 address that a NAT64 translator makes of ``address``; ``None`` for any other address."""
    if isinstance(address, IPv6Address) and kind_of(address) is Kind.NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
