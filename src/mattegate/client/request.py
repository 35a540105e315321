"""A request as it goes over the wire, every byte of which a signature may cover.

Rules of this file: nothing below may add, drop or rewrite a header, a path or a query afterwards. So the framing
(``host``, ``content-length``) is among the headers from the beginning, and path and query are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import quote, urlencode, urlsplit

from mattegate.signing.message import Message

Headers = tuple[tuple[bytes, bytes], ...]
"""Names in small letters, in order."""
Option = str | int | float | bool

CUTOUT_PATH: Final = "/v1/remove-bg"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is."""

    scheme: str
    authority: str
    """As ``Host`` says it: without the scheme's own port."""
    prefix: str = ""
    """What stands in front of every path."""

    @classmethod
    def of(cls, url: str) -> Self:
        """From ``https://api.example.com`` or ``http://127.0.0.1:8000/prefix``. Raises ``ValueError``."""
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError("a server's address begins with http:// or https:// and names a host")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("a server's address holds no password, no query and no fragment")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = "" if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
        return cls(parts.scheme, host + port, parts.path.rstrip("/"))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request, not signed yet or signed."""

    server: Server
    method: str
    path: bytes
    query: bytes = b""
    headers: Headers = ()
    body: bytes = b""

    @property
    def address(self) -> str:
        """The whole of it, as it is asked for."""
        query = f"?{self.query.decode()}" if self.query else ""
        return f"{self.server.scheme}://{self.server.authority}{self.path.decode()}{query}"

    @property
    def message(self) -> Message:
        """What signatures are made over."""
        return Message(self.method, self.path, self.query, self.headers, self.server.scheme, self.server.authority)

    def adding(self, headers: Headers) -> Outgoing:
        """The same with further headers."""
        return replace(self, headers=(*self.headers, *headers))


def outgoing(
    server: Server,
    method: str,
    path: str,
    *,
    query: bytes = b"",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Outgoing:
    """A request for ``path`` of a server, encoded already where it needs to be.

    Raises ``ValueError`` for a header that cannot be sent.
    """
    framing = {"host": server.authority}
    framing |= {"content-length": str(len(body))} if body or method not in {"GET", "HEAD"} else {}
    given = {name.lower(): value for name, value in (headers or {}).items()}
    lines = tuple((name.encode("ascii"), _sendable(name, value)) for name, value in (framing | given).items())
    return Outgoing(server, method, (server.prefix + path).encode("ascii"), query, lines, body)


def cutout_request(
    server: Server,
    image: bytes,
    options: Mapping[str, Option],
    headers: Mapping[str, str] | None = None,
) -> Outgoing:
    """The request for one cut-out: the bare image as body, the options in the query."""
    given = {"content-type": "application/octet-stream", **(headers or {})}
    return outgoing(server, "POST", CUTOUT_PATH, query=encoded(options), headers=given, body=image)


def encoded(options: Mapping[str, Option]) -> bytes:
    """Options as a query, spaces as ``%20``: a plus sign is read in two ways."""
    return urlencode({name: _text(value) for name, value in options.items()}, quote_via=quote).encode()


def _text(value: Option) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sendable(name: str, value: str) -> bytes:
    if not value.isprintable() or value != value.strip():
        raise ValueError(f"the value of {name} cannot be sent: it holds line breaks, or spaces at its ends")
    return value.encode("latin-1")
