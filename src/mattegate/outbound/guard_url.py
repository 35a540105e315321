"""The one reader of addresses that requests go out to.

Rules of this file: RFC 3986 with http and https alone, and nothing that two readers may take for two hosts. What is
read here is what is checked, resolved, connected to and sent, so no second parser can disagree. Refused rather than
repaired: user names, backslashes, blanks and controls, hosts that are not plain ASCII (a name in another script is
written in its ``xn--`` form), percent signs in hosts, IPv6 zones, trailing dots, and every spelling of an IPv4 address
but four decimal numbers. Non-ASCII characters after the host are percent-encoded as browsers do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote, urljoin

from mattegate.outbound.blocked import Blocked, Cause

Address = IPv4Address | IPv6Address

LONGEST: Final = 4_096
"""Characters of an address; signed addresses of object stores have some 2,000."""
DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PARTS: Final = re.compile(r"//(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?:#.*)?")
_AUTHORITY: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>.*))?")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label of this form makes the whole host a number to many readers (WHATWG URL, "ends in a number")."""
_SAFE: Final = "!$%&'()*+,-./:;=?@[]_~"


@dataclass(frozen=True, slots=True)
class Target:
    """An address as it was read."""

    scheme: str
    """``http`` or ``https``."""
    host: str
    """A name in lower case, or an IP address in its shortest form, without brackets."""
    port: int
    path: str
    """Path and query as they are sent: ASCII, ``/`` at least."""
    address: Address | None = None
    """Where the host is an IP address, that."""

    @property
    def authority(self) -> str:
        """Host and, unless the scheme implies it, port: the ``Host`` header (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what may be told of an address."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        return self.origin + self.path


def read_url(text: str) -> Target:
    """The target that ``text`` names.

    Raises :class:`~mattegate.outbound.blocked.Blocked` with ``url``, ``scheme``, ``host`` or ``port``.
    """
    _check_characters(text)
    if (scheme := _SCHEME.match(text)) is None:
        raise Blocked(Cause.URL, "the address must begin with http:// or https://")
    if (name := scheme[1].lower()) not in DEFAULT_PORTS:
        raise Blocked(Cause.SCHEME, "the address must begin with http:// or https://", scheme=name[:20])
    if (parts := _PARTS.fullmatch(text, scheme.end())) is None:
        raise Blocked(Cause.URL, f"after {name}: must come // and a host")
    host, port = _authority(parts["authority"], DEFAULT_PORTS[name])
    path = quote((parts["path"] or "/") + (parts["query"] or ""), safe=_SAFE)
    address = _literal(host)
    return Target(name, host if address is None else str(address), port, path, address)


def redirected(origin: Target, location: bytes) -> Target:
    """Where ``location``, the header of an answer by ``origin``, leads (RFC 9110, section 10.2.2), checked.

    Raises :class:`~mattegate.outbound.blocked.Blocked`.
    """
    try:
        text = location.decode()
    except UnicodeDecodeError:
        raise Blocked(Cause.REDIRECT, "the redirect's address is not UTF-8") from None
    _check_characters(text)  # before urljoin, which would silently take tabs and line breaks out
    try:
        joined = urljoin(str(origin), text)
    except ValueError:
        raise Blocked(Cause.URL, "the redirect's address cannot be read") from None
    return read_url(joined)


def _check_characters(text: str) -> None:
    if len(text) > LONGEST:
        raise Blocked(Cause.URL, f"the address is longer than {LONGEST} characters", limit=LONGEST)
    if "\\" in text or any(char.isspace() or not char.isprintable() for char in text):
        raise Blocked(Cause.URL, "the address has blanks, control characters or backslashes in it")


def _authority(text: str, default_port: int) -> tuple[str, int]:
    if "@" in text:
        raise Blocked(Cause.URL, "the address must not hold a user name or a password")
    if (parts := _AUTHORITY.fullmatch(text)) is None:
        raise Blocked(Cause.HOST, "the host cannot be told from the port")
    return _host(parts["host"].lower()), default_port if parts["port"] is None else _port(parts["port"])


def _port(text: str) -> int:
    if _PORT.fullmatch(text) is None or int(text) > 65_535:
        raise Blocked(Cause.PORT, "the port is no number from 1 to 65535 in plain digits")
    return int(text)


def _host(host: str) -> str:
    if host.startswith("[") and ":" in host:
        return host[1:-1]
    if not host:
        raise Blocked(Cause.HOST, "the address names no host")
    if len(host) > 253 or _NAME.fullmatch(host) is None:
        raise Blocked(Cause.HOST, "the host is no plain name (RFC 1123); other scripts are written in their xn-- form")
    return host


def _literal(host: str) -> Address | None:
    """The IP address that ``host`` is; ``None`` for a name. Raises for what only some readers take for an address."""
    try:
        if ":" in host:
            return _plain(IPv6Address(host))
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            return IPv4Address(host)
    except AddressValueError:
        raise Blocked(Cause.HOST, "the host is an IP address in an unusual spelling") from None
    return None


def _plain(address: IPv6Address) -> IPv6Address:
    if address.scope_id is not None:
        raise Blocked(Cause.HOST, "an IPv6 address with a zone means something only on this machine")
    return address
