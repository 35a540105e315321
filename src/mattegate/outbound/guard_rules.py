"""What outgoing requests of one purpose may do. Closed by default: the public internet on ports 80 and 443."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Final

from mattegate.config.networks import Network
from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.guard_addresses import INNER, NEVER, Kind, kind_of, translated
from mattegate.outbound.guard_url import DEFAULT_PORTS, Address, Target, read_url

WEB_PORTS: Final = frozenset(DEFAULT_PORTS.values())
_LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRules:
    """The bounds of a request. Raises ``ValueError`` for bounds that bound nothing."""

    allow_networks: tuple[Network, ...] = ()
    """Networks of one's own that may be asked under any name; metadata services stay refused."""
    allow_hosts: tuple[str, ...] = ()
    """Names, and ``*.name`` for every name below one, that may lead to a loopback, private or shared address."""
    host_lists: tuple[tuple[str, ...], ...] = ()
    """Lists of names and patterns, each of which must name the host; no list: any host. See :meth:`only`."""
    ports: frozenset[int] = WEB_PORTS
    https_only: bool = False
    redirects: int = 3
    max_bytes: int = 10_000_000
    """Of an answer's body."""
    connect_s: float = 5.0
    """For the look-up, and again for connection and TLS together."""
    stall_s: float = 10.0
    """The longest silence between two pieces of an answer."""
    total_s: float = 30.0
    """For everything, redirects and all."""

    def __post_init__(self) -> None:
        if min(self.connect_s, self.stall_s, self.total_s) <= 0 or self.max_bytes < 0 or self.redirects < 0:
            raise ValueError("outbound rules need times above 0, and sizes and counts of at least 0")
        if not all(0 < port < 65_536 for port in self.ports):
            raise ValueError("outbound rules name a port that is none")

    def trusting(self, url: str) -> OutboundRules:
        """These rules, and what an operator says by writing ``url`` into the settings.

        Its port is allowed, and so is an address that stands there as a number or as ``localhost``: no name server
        can change what that means. Of any other name, the address is checked as ever.
        """
        target = read_url(url)
        own: tuple[Network, ...] = _LOOPBACK if target.host == "localhost" else ()
        if target.address is not None:
            own = (ip_network(target.address),)
        return replace(self, allow_networks=(*self.allow_networks, *own), ports=self.ports | {target.port})

    def only(self, hosts: Iterable[str]) -> OutboundRules:
        """These rules for ``hosts`` alone (names and patterns), beside whatever else narrows them; none: for none."""
        return replace(self, host_lists=(*self.host_lists, tuple(hosts)))

    def check_target(self, target: Target) -> None:
        """Scheme, port and name. Raises :class:`~mattegate.outbound.blocked.Blocked`."""
        if self.https_only and target.scheme != "https":
            raise Blocked(Cause.SCHEME, f"{target.host}: only https is allowed", scheme=target.scheme)
        if target.port not in self.ports:
            raise Blocked(Cause.PORT, f"port {target.port} is not allowed", port=target.port)
        if not all(_named(target.host, names) for names in self.host_lists):
            raise Blocked(Cause.HOST, f"{target.host} is not among the allowed hosts", host=target.host)

    def refusal(self, host: str, address: Address, *, own: bool = False) -> Kind | None:
        """What forbids to connect to ``address``, found under ``host``; ``None``: nothing. ``own``: it is ours."""
        kind = kind_of(address)
        if kind is Kind.PUBLIC and own:
            kind = Kind.OWN
        if kind is Kind.PUBLIC or (kind in INNER and _named(host, self.allow_hosts)):
            return None
        if kind in NEVER or not any(address in network for network in self.allow_networks):
            return kind
        behind = translated(address)
        return None if behind is None else self.refusal(host, behind)


PUBLIC_WEB: Final = OutboundRules()
"""Nothing inner, nothing unusual."""


def _named(host: str, patterns: tuple[str, ...]) -> bool:
    return any(_matches(host, pattern.lower()) for pattern in patterns)


def _matches(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
