"""Web origins and patterns of them, as RFC 6454 and the Fetch standard spell them; pure.

An origin is a scheme, a host and a port and nothing more. A pattern is an origin with ``*`` for the port, or with
``*.`` in front of the host for every name below it; ``*`` alone is every origin.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final

_ORIGIN: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<below>\*\.)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(?P<port>\d{1,5}|\*))?"
)
_PATTERNS: Final = "http://localhost:* or https://*.preview.example.com"
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


class OriginSpellingError(ValueError):
    """A text is no origin; ``fix`` says what it should be where that can be told."""

    def __init__(self, problem: str, fix: str = "") -> None:
        self.fix = fix
        super().__init__(problem)


def normal_origin(text: str, *, patterns: bool = True) -> str:
    """``text`` as browsers would send it: lower case, without a port that the scheme implies.

    Raises :class:`OriginSpellingError`.
    """
    if text == "*" and patterns:
        return text
    found = _ORIGIN.fullmatch(text)
    if found is None:
        raise _objection(text)
    scheme, host = found["scheme"].lower(), _host(found["host"])
    below, port = found["below"] or "", found["port"] or ""
    if (below or port == "*") and not patterns:
        raise OriginSpellingError("a pattern cannot stand here", "name one origin, such as https://api.example.com")
    if below and "." not in host and host != "localhost":
        raise OriginSpellingError(f"it would stand for every name under .{host}", "name a domain of your own")
    if port.isdigit() and not 0 < int(port) <= 65_535:
        raise OriginSpellingError("a port is between 1 and 65535")
    port = port.lstrip("0")
    port = "" if port == _DEFAULT_PORTS.get(scheme) else port
    return f"{scheme}://{below}{host}" + (f":{port}" if port else "")


def _host(host: str) -> str:
    if not host.startswith("["):
        if ".." in host or host.startswith("."):
            raise OriginSpellingError("its host has an empty part between dots")
        return host.lower()
    try:
        return f"[{IPv6Address(host[1:-1]).compressed}]"
    except ValueError:
        raise OriginSpellingError("what stands in the brackets is no IPv6 address") from None


def _objection(text: str) -> OriginSpellingError:
    scheme, separator, rest = text.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    bare = f"{scheme}://{host}"
    cut = "an origin ends after host and port: no path, no slash"
    objections = (
        (text.lower() == "null", "null is every sandboxed page and local file", "serve the page over http"),
        (not text.isascii(), "browsers send host names in ASCII", "write the name in Punycode: xn--…"),
        (not separator, "the scheme is missing", f"write https://{text.strip('/')}"),
        ("@" in rest, "an origin has no user and no password", "leave out what stands before the @"),
        (bool(host != rest and _ORIGIN.fullmatch(bare)), cut, f"write {bare}"),
        ("*" in rest, "* may be the whole, the port, or *. in front of the host", f"write {_PATTERNS}"),
        (True, "not SCHEME://HOST or SCHEME://HOST:PORT", "write https://app.example.com"),
    )
    return next(OriginSpellingError(problem, fix) for holds, problem, fix in objections if holds)
