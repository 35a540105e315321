"""What is asked: an address as a person writes it, taken apart, and the places that are never asked by accident."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})")
_LONGEST: Final = 8_192


class BadTarget(Exception):  # noqa: N818 - the state of what was given
    """What a person asked for cannot be asked; the message is a sentence for them."""


@dataclass(frozen=True, slots=True)
class Target:
    """An absolute HTTP address."""

    scheme: str
    host: str
    """In lower case, ASCII, without brackets."""
    port: int
    path: str = "/"
    """The request target: path and query, as given."""

    @property
    def tls(self) -> bool:
        """Whether it is HTTPS."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """What the ``Host`` header says: the port stands there unless it is the scheme's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == DEFAULT_PORTS[self.scheme] else f"{name}:{self.port}"

    @property
    def origin(self) -> str:
        """Its origin, as a browser writes it."""
        return f"{self.scheme}://{self.authority}"

    @property
    def bare(self) -> str:
        """The address without its query: fit to be shown."""
        return self.origin + self.path.partition("?")[0]


def parse_target(text: str) -> Target:
    """``https://api.example.com:8443/v1/x?q`` taken apart. Raises :class:`BadTarget`."""
    if len(text) > _LONGEST or re.search(r"[\x00-\x20\x7f]", text):
        raise BadTarget("an address must not contain spaces or control characters, nor be longer than 8 KiB")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadTarget(f"this is not an address: {error}") from error
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise BadTarget("an address begins with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise BadTarget("leave user and password out of the address: history and process lists would keep them")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme, _host(parts.hostname), DEFAULT_PORTS[scheme] if port is None else port, _ascii(target))


def _host(name: str | None) -> str:
    if not name:
        raise BadTarget("the address names no host")
    if ":" in name:
        return _literal(name)
    try:
        name.encode("ascii")
        plain = name
    except UnicodeEncodeError:
        plain = _idna(name)
    if not _HOST.fullmatch(plain) or ".." in plain:
        raise BadTarget("the host in this address is not a host name")
    return plain.lower()


def _literal(name: str) -> str:
    try:
        return str(IPv6Address(name.partition("%")[0]))
    except ValueError as error:
        raise BadTarget("the host in this address is not an IPv6 address") from error


def _idna(name: str) -> str:
    try:
        return name.encode("idna").decode()
    except UnicodeError as error:
        raise BadTarget("the host in this address cannot be written in DNS") from error


def _ascii(target: str) -> str:
    """Letters beyond ASCII percent-encoded, as every client does; all else stays as it was given."""
    return "".join(
        char if char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))
        for char in target
    )


class Scope(StrEnum):
    """From where an address can be reached."""

    PUBLIC = "public"
    PRIVATE = "private"
    CGNAT = "carrier-grade NAT"
    LOOPBACK = "loopback"
    UNSPECIFIED = "unspecified"
    LINK_LOCAL = "link-local"
    METADATA = "cloud metadata"


METADATA: Final = frozenset(
    ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "168.63.129.16")
)
"""Where clouds hand out credentials: AWS, GCP, Azure and more; ECS tasks; AWS over IPv6; Alibaba; Azure."""
METADATA_NAMES: Final = frozenset({"metadata.google.internal", "metadata", "instance-data"})
_CGNAT: Final = ip_network("100.64.0.0/10")


def scope_of(text: str) -> Scope:
    """From where an IP address can be reached. Documentation ranges and the like count as private."""
    address = _unmapped(ip_address(text.partition("%")[0]))
    if address in METADATA:
        return Scope.METADATA
    for holds, scope in (
        (address.is_unspecified, Scope.UNSPECIFIED),
        (address.is_loopback, Scope.LOOPBACK),
        (address.is_link_local, Scope.LINK_LOCAL),
        (address.version == 4 and address in _CGNAT, Scope.CGNAT),
    ):
        if holds:
            return scope
    return Scope.PUBLIC if address.is_global else Scope.PRIVATE


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_literal(host: str) -> bool:
    """Whether a host is an IP address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_public_name(host: str) -> bool:
    """Whether a name is one that the whole world should resolve alike."""
    last = host.rstrip(".").rpartition(".")[2]
    private = {
        "local",
        "localhost",
        "internal",
        "lan",
        "home",
        "corp",
        "intranet",
        "test",
        "invalid",
        "arpa",
        "cluster",
    }
    return "." in host.strip(".") and not is_literal(host) and last not in private
