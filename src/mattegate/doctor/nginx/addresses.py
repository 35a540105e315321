"""Addresses and networks as ``allow``, ``deny``, ``geo`` and ``set_real_ip_from`` mean them, and the real-IP module."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from mattegate.doctor.nginx.values import Undecided

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def parse_address(text: str) -> Address | None:
    """An address with or without port and brackets; ``None`` where it is none. IPv4 inside IPv6 is told as IPv4."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=4_096)
def parse_network(text: str) -> Network | None:
    """A network in CIDR notation or a single address; ``None`` for a name."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def within(client: str, network: str) -> bool:
    """Whether a rule for ``network`` (``all``, ``unix:``, a network) is about ``client``.

    Raises :class:`Undecided` for a host name, which nginx resolves when it starts.
    """
    if network == "all":
        return True
    if network == "unix:" or client == "unix:":
        return network == client
    parsed = parse_network(network)
    if parsed is None:
        raise Undecided(f"what {network} resolves to")
    address = parse_address(client)
    return address is not None and address.version == parsed.version and address in parsed


def trusted(client: str, networks: Sequence[str]) -> bool:
    """Whether ``client`` is one of those whose word on the client's address counts."""
    return any(within(client, network) for network in networks)


def forwarded_address(client: str, chain: Sequence[str], networks: Sequence[str], *, recursive: bool) -> str:
    """What the real-IP module makes of ``X-Forwarded-For``: from the right, past trusted proxies where recursive."""
    for value in reversed(chain):
        if not trusted(client, networks):
            return client
        address = parse_address(value)
        if address is None:
            return client
        client = str(address)
        if not recursive:
            return client
    return client


def parts(value: str) -> list[str]:
    """The addresses of a header, told apart by commas and spaces alike; an empty one holds what is no address."""
    return value.replace(",", " ").split() or [""]
