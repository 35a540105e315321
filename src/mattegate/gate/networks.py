"""Addresses and sets of networks, parsed once and compared as numbers.

Rules of this file: an IPv4 address written as IPv6 (RFC 4291, section 2.5.5.2) is that IPv4 address everywhere, and a
zone (``%eth0``) is dropped: neither may let an address slip past a rule.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_MAPPED: Final = 0xFFFF << 32
"""The network part of ``::ffff:0:0/96``, as a number."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address as a number, with its canonical text."""

    version: int
    value: int
    text: str


@dataclass(frozen=True, slots=True)
class Network:
    """One network: an address belongs to it when its masked value is ``value``."""

    version: int
    value: int
    mask: int
    text: str
    """As it stands in the configuration."""


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """The address of a text without port or brackets; ``None`` where it is none."""
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        if (mapped := parsed.ipv4_mapped) is not None:
            return Address(4, int(mapped), str(mapped))
        return Address(6, int(parsed), str(ipaddress.IPv6Address(int(parsed))))
    return Address(4, int(parsed), str(parsed))


def parse_network(text: str, setting: str) -> Network:
    """The network of a text such as ``203.0.113.0/24`` or ``::1``; bits beyond the prefix do not count.

    Raises ``ValueError`` naming ``setting`` and the text.
    """
    try:
        parsed = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"{setting}: {text!r} is not an address or a network") from error
    value, mask = int(parsed.network_address), int(parsed.netmask)
    if parsed.version == 6 and parsed.prefixlen >= 96 and value >> 32 == _MAPPED >> 32:
        return Network(4, value & 0xFFFFFFFF, mask & 0xFFFFFFFF, text)
    return Network(parsed.version, value, mask, text)


@dataclass(frozen=True, slots=True)
class Networks:
    """A set of networks in the order in which they were given; looking up costs as much as there are prefix lengths."""

    members: tuple[Network, ...] = ()
    by_mask: tuple[tuple[int, int, Mapping[int, int]], ...] = ()
    """Version and mask, and for each value under that mask the place of its first member."""

    @classmethod
    def of(cls, texts: Iterable[str], setting: str) -> Networks:
        """Parse every text. Raises ``ValueError`` naming ``setting`` and the bad one."""
        members = tuple(parse_network(text, setting) for text in texts)
        groups: dict[tuple[int, int], dict[int, int]] = {}
        for place, member in enumerate(members):
            groups.setdefault((member.version, member.mask), {}).setdefault(member.value, place)
        return cls(members, tuple((version, mask, places) for (version, mask), places in groups.items()))

    def __bool__(self) -> bool:
        return bool(self.members)

    def find(self, address: Address | None) -> str:
        """The first network that holds ``address``, as it was written; empty where none does."""
        if address is None:
            return ""
        found = [
            places[address.value & mask]
            for version, mask, places in self.by_mask
            if version == address.version and address.value & mask in places
        ]
        return self.members[min(found)].text if found else ""


@lru_cache(maxsize=1024)
def bound_networks(texts: tuple[str, ...]) -> Networks:
    """The networks that a key is bound to. Raises ``ValueError`` for one that is none."""
    return Networks.of(texts, "addresses of the key")


_LOOPBACK: Final = Networks.of(("127.0.0.0/8", "::1"), "loopback")
_LOCAL: Final = Networks.of(
    ("127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
     "fc00::/7", "fe80::/10"),
    "local",
)  # fmt: skip


@lru_cache(maxsize=1024)
def is_loopback(text: str) -> bool:
    """Whether a peer is this machine; an empty peer is a Unix socket, which is."""
    return not text or bool(_LOOPBACK.find(parse_address(text)))


@lru_cache(maxsize=1024)
def is_local(text: str) -> bool:
    """Whether a peer is this machine or stands in a private network (RFC 1918, 4193, 6598, link-local)."""
    return not text or bool(_LOCAL.find(parse_address(text)))
