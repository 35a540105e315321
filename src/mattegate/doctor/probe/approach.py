"""From an address as it is written to a door to knock at: DNS, TCP, TLS, and what each of them has to say."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mattegate.doctor.clue import Clue
from mattegate.doctor.probe.dns import Address, Resolution, dns_clues, look_up
from mattegate.doctor.probe.exchange import Door, ForwardProxy, Limits
from mattegate.doctor.probe.target import METADATA_NAMES, BadTarget, Scope, Target
from mattegate.doctor.probe.tcp import EXCLUDES_FILTER, Opening, compared_port, connect, tcp_clues, try_port
from mattegate.doctor.probe.tls import ClientCertificate, Handshake, context, handshake, tls_clues

if TYPE_CHECKING:
    from pathlib import Path

_MOST_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class Way:
    """How to get somewhere, and what was found out on the way."""

    door: Door | None
    """``None`` where there is no getting through to HTTP."""
    clues: tuple[Clue, ...] = ()
    checked: tuple[str, ...] = ()
    openings: tuple[Opening, ...] = ()
    handshake: Handshake | None = None
    """As it was seen, verified or not."""

    @property
    def others(self) -> tuple[Address, ...]:
        """Open addresses of the other family than the door's."""
        door = self.door
        return tuple(
            one.address for one in self.openings if one.open and door and one.address.family != door.address.family
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """How to approach."""

    limits: Limits
    shown: ClientCertificate | None = None
    ca: Path | None = None
    allow_metadata: bool = False
    forward: ForwardProxy | None = None
    server_name: str = ""
    """For the handshake, where it is not the target's host."""


def approach(target: Target, terms: Terms) -> Way:
    """Go as far as HTTP. Raises :class:`BadTarget` for addresses that are never asked by accident."""
    resolution = look_up(target.host, target.port, timeout=terms.limits.connect_s)
    refuse_metadata(target, resolution, allowed=terms.allow_metadata)
    clues = tuple(dns_clues(target, resolution))
    if resolution.failure and not terms.forward:
        return Way(None, clues, (f"DNS: {target.host} has no address here",))
    if terms.forward:
        return _secured(target, terms, _forwarded(target, terms, terms.forward, resolution))
    return _connected(target, terms, resolution, clues)


def refuse_metadata(target: Target, resolution: Resolution, *, allowed: bool) -> None:
    """Raise :class:`BadTarget` where a cloud hands out credentials."""
    scopes = {address.scope for address in resolution.addresses}
    if not allowed and (target.host in METADATA_NAMES or scopes & {Scope.METADATA, Scope.LINK_LOCAL}):
        raise BadTarget(f"{target.host} is a link-local or metadata address, which is only asked when named explicitly")


def _forwarded(target: Target, terms: Terms, forward: ForwardProxy, resolution: Resolution) -> Way:
    """The client's proxy makes the connection; the address is its business."""
    address = resolution.addresses[0] if resolution.addresses else forward.address
    named = f"[{target.host}]" if ":" in target.host else target.host
    door = Door(
        address, target.port, target.tls, target.host, ca=terms.ca, shown=terms.shown, forward=forward,
        authority=f"{named}:{target.port}",
    )  # fmt: skip
    return Way(door)


def _connected(target: Target, terms: Terms, resolution: Resolution, clues: tuple[Clue, ...]) -> Way:
    listed = ", ".join(address.text for address in resolution.addresses)
    seconds = terms.limits.connect_s
    openings = tuple(try_port(one, target.port, seconds) for one in _both_families(resolution.addresses))
    checked: tuple[str, ...] = (f"DNS: {target.host} is {listed}",)
    opened = next((one for one in openings if one.open), None)
    if not opened:
        other = compared_port(target)
        compared = tuple(try_port(openings[0].address, port, seconds) for port in ([other] if other else []))
        return Way(None, (*clues, *tcp_clues(target, openings, compared)), checked, openings)
    door = Door(
        opened.address, target.port, target.tls, terms.server_name or target.host, ca=terms.ca, shown=terms.shown
    )
    checked += (f"TCP: {opened.at} is open. {EXCLUDES_FILTER}",)
    return _secured(target, terms, Way(door, (*clues, *tcp_clues(target, openings)), checked, openings))


def _both_families(addresses: tuple[Address, ...]) -> list[Address]:
    """At most four, of both families where there are both."""
    by_family: dict[int, list[Address]] = {}
    for address in addresses:
        by_family.setdefault(address.family, []).append(address)
    most = _MOST_ADDRESSES // max(len(by_family), 1)
    return [address for group in by_family.values() for address in group[:most]]


def _secured(target: Target, terms: Terms, way: Way) -> Way:
    door = way.door
    if not door or not door.tls or door.forward:
        return way
    checked, seen = _handshakes(door, terms)
    clues = (*way.clues, *tls_clues(target, checked, seen))
    if seen.failure:
        return replace(way, door=None, clues=clues, handshake=seen)
    told = (*way.checked, *_told(checked, seen))
    return replace(way, door=replace(door, verify=not checked.fault), clues=clues, checked=told, handshake=seen)


def _told(checked: Handshake, seen: Handshake) -> Iterator[str]:
    trust = (
        f"not accepted ({checked.message}); what follows was looked at without verification"
        if checked.fault
        else "valid"
    )
    until = f", until {seen.certificate.not_after:%Y-%m-%d}" if seen.certificate else ""
    yield f"TLS: {seen.version}, the certificate is {trust}{until}"
    if seen.asked_for_certificate:
        yield "TLS: the server asks for a client certificate"


def _handshakes(door: Door, terms: Terms) -> tuple[Handshake, Handshake]:
    """With verification, and where that alone fails once more without."""
    checked = _handshake(door, terms, verify=True)
    return (checked, _handshake(door, terms, verify=False)) if checked.fault else (checked, checked)


def _handshake(door: Door, terms: Terms, *, verify: bool) -> Handshake:
    base = context(verify=verify, alpn=("h2", "http/1.1"), shown=terms.shown, ca=terms.ca)
    return handshake(lambda: connect(door.address, door.port, terms.limits.connect_s), door.server_name, base)


def versions(door: Door, terms: Terms) -> tuple[str, ...]:
    """Which of the two current versions of TLS a door speaks."""
    spoken = []
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        base = context(verify=False, shown=terms.shown)
        tried = handshake(
            lambda: connect(door.address, door.port, terms.limits.connect_s), door.server_name, base, version=version
        )
        if not tried.failure:
            spoken.append(tried.version)
    return tuple(spoken)
