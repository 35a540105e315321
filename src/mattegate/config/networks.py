"""Addresses and networks as they stand in settings; pure."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network

Network = IPv4Network | IPv6Network


class NetworkSpellingError(ValueError):
    """A text is no address and no network; ``fix`` says what it should be where that can be told."""

    def __init__(self, problem: str, fix: str = "") -> None:
        self.fix = fix
        super().__init__(problem)


def read_network(text: str) -> Network:
    """The network that ``text`` names; one address is a network of its own.

    Raises :class:`NetworkSpellingError`.
    """
    if "%" in text:
        raise NetworkSpellingError(
            "an address with a zone, which cannot be compared", f"write {text.partition('%')[0]}"
        )
    try:
        network = ip_network(text)
    except ValueError:
        raise _objection(text) from None
    if isinstance(network, IPv6Network) and network.prefixlen >= 96 and (mapped := network[0].ipv4_mapped):
        plain = shown_network(ip_network((int(mapped), network.prefixlen - 96)))
        raise NetworkSpellingError("an IPv4 address in IPv6 clothes; clients are compared as IPv4", f"write {plain}")
    return network


def shown_network(network: Network) -> str:
    """One address without its length, a network with it."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def is_everybody(network: Network) -> bool:
    """Whether every address is in it."""
    return network.prefixlen == 0


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on ``host``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _objection(text: str) -> NetworkSpellingError:
    if text in {"*", "all", "any"}:
        return NetworkSpellingError("not an address", "write 0.0.0.0/0 and ::/0 if everybody is meant")
    try:
        interface = ip_interface(text)
    except ValueError:
        return NetworkSpellingError(
            "not an address and not a network", "write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32"
        )
    return NetworkSpellingError(
        "an address and a network at once: bits are set beyond the length",
        f"write {interface.network} for the network, or {interface.ip} for this address alone",
    )
