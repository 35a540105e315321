"""Who is connected to a listener, how many they may be, and what was refused before a request reached ASGI.

Two caps: ``room`` for everybody together, because files are finite, and one for each caller, so that nobody takes the
whole room. Loopback and declared proxies have only the first: behind them stand many callers.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from mattegate.serving.access import write_line
from mattegate.serving.request_id import new_request_id
from mattegate.vocabulary.refusal import Refusal

PER_PEER: Final = 256
"""Connections that one caller may have at once."""
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")

_ONE_SITE: Final = 64
"""Bits of an IPv6 address that count as one caller: whoever has one address of a /64 has them all."""


def random_id(_: str) -> str:
    """The id of a refusal that tells nothing by itself."""
    return new_request_id()


class Connections:
    """The connections of one listener; ``refused`` counts, by reason, what never reached the application.

    ``new_id`` makes the id of such a refusal from its reason: there is no record, so the id itself may tell.
    """

    def __init__(
        self,
        *,
        room: int,
        per_peer: int = PER_PEER,
        exempt: Iterable[str] = LOOPBACK,
        refused: Counter[str] | None = None,
        new_id: Callable[[str], str] = random_id,
    ) -> None:
        self.refused: Counter[str] = Counter() if refused is None else refused
        self.open = 0
        self._new_id = new_id
        self._room = room
        self._per_peer = per_peer
        self._exempt = tuple(ipaddress.ip_network(network, strict=False) for network in exempt)
        self._of_peer: Counter[str] = Counter()

    def enter(self, address: str) -> Refusal | None:
        """Count one more; a refusal where there is no room for it. Either way it counts until it leaves."""
        self.open += 1
        peer = self._peer(address)
        self._of_peer[peer] += 1
        if self.open > self._room:
            return Refusal("capacity.connections", limit=self._room)
        if peer and self._of_peer[peer] > self._per_peer:
            return Refusal("capacity.connections", limit=self._per_peer)
        return None

    def leave(self, address: str) -> None:
        """One connection less."""
        self.open -= 1
        peer = self._peer(address)
        self._of_peer[peer] -= 1
        if not self._of_peer[peer]:
            del self._of_peer[peer]  # else every address that ever came would be remembered

    def note(self, refusal: Refusal, address: str, *, bytes_in: int = 0) -> str:
        """Count and log one refusal before ASGI; returns the id of the answer."""
        request_id = self._new_id(refusal.reason.code)
        self.refused[refusal.reason.code] += 1
        write_line(
            {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "address": address,
                "status": refusal.reason.status,
                "reason": refusal.reason.code,
                "bytes_in": bytes_in,
                "request_id": request_id,
                "problem": refusal.operator_detail,
            }
        )
        return request_id

    def _peer(self, address: str) -> str:
        """Whom an address counts for; empty for those who are not counted one by one."""
        try:
            ip = ipaddress.ip_address(unmapped(address))
        except ValueError:
            return ""  # a Unix socket has no address
        if any(ip in network for network in self._exempt if network.version == ip.version):
            return ""
        return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, _ONE_SITE), strict=False))


def unmapped(address: str) -> str:
    """An IPv4 address as such where a socket of both families spells it ``::ffff:192.0.2.7``; no zone (RFC 4007)."""
    bare = address.partition("%")[0]
    return bare[7:] if bare.startswith("::ffff:") and "." in bare else bare
