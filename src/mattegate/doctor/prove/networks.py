"""Letting one address stand for another in rules about addresses, where the real one cannot be had.

Rules of this file: pure. A rule is changed only by adding or taking out the stand-in, so that for the stand-in it
says exactly what the original says for the real address, and for every other address what it said before.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from mattegate.doctor.nginx.directive import Directive

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Double:
    """An address, and the one that plays it."""

    real: Address
    played_by: Address

    def networks(self, written: str) -> list[str]:
        """What to write in the place of a network or an address of a rule."""
        network = network_of(written)
        if network is None:
            return [written]
        if self.real in network:
            return [written] if self.played_by in network else [written, str(self.played_by)]
        return [str(each) for each in self._without(network)] if self.played_by in network else [written]

    def geo_rows(self, rows: Sequence[Directive]) -> tuple[str, str] | None:
        """The row that gives the stand-in what the table gives the real address; ``None``: the default does."""
        best: tuple[int, str] = (-1, "")
        for row in rows:
            network = network_of(row.name)
            if row.name == "default":
                best = max(best, (-1, row.args[0] if row.args else ""))
            elif network is not None and self.real in network and network.prefixlen >= best[0]:
                best = (network.prefixlen, row.args[0] if row.args else "")
        return str(self.played_by), best[1]

    def _without(self, network: Network) -> list[Network]:
        alone = ipaddress.ip_network(self.played_by)
        if isinstance(network, ipaddress.IPv4Network) and isinstance(alone, ipaddress.IPv4Network):
            return sorted(network.address_exclude(alone))
        if isinstance(network, ipaddress.IPv6Network) and isinstance(alone, ipaddress.IPv6Network):
            return sorted(network.address_exclude(alone))
        return [network]


def network_of(written: str) -> Network | None:
    """An address or network as nginx reads it (host bits are ignored); ``None`` for ``all``, ``unix:`` and names."""
    try:
        return ipaddress.ip_network(written, strict=False)
    except ValueError:
        return None


def address_of(written: str) -> Address | None:
    """An address; ``None`` where it is none."""
    try:
        return ipaddress.ip_address(written)
    except ValueError:
        return None
