"""The echo for the doctor: what a request looks like once every proxy on its way has had its hands on it.

It answers one request for each ticket of ``mattegate echo``; without a good ticket there is no such route. Of headers
it tells every name, but the values of an allow-list only, and of those none that could be a credential: the others
are told by their length and a short MAC. Its key is the ticket, so whoever asked can compare values, and nobody else.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from mattegate.ledger.protocols import Unavailable
from mattegate.serving.access import client_address
from mattegate.serving.problem import encode_json
from mattegate.serving.tls import TLS_KEY

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from mattegate.serving.problem import RawHeaders

ECHO_PATH: Final = "/v1/echo/"

SHOWN: Final = frozenset(
    b"accept accept-encoding accept-language access-control-request-headers access-control-request-method "
    b"cache-control cdn-loop cf-connecting-ip cf-ray connection content-encoding content-length content-type expect "
    b"forwarded host keep-alive origin sec-fetch-dest sec-fetch-mode sec-fetch-site te trailer transfer-encoding "
    b"true-client-ip upgrade user-agent via x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix "
    b"x-forwarded-proto x-forwarded-server x-real-ip".split()
)
"""Headers whose values are told: what proxies set, and what decides how a request is read."""
FORWARDED: Final = (
    "forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix",
    "x-forwarded-proto", "x-forwarded-server",
)  # fmt: skip

_MAC_DIGITS: Final = 12
_LONGEST: Final = 1_024
"""Characters told of one value."""
_SECRET: Final = re.compile(r"[A-Za-z0-9_+/=~-]{24,}|\b(?:bearer|basic|digest|negotiate)\b", re.IGNORECASE)
"""What could be a credential that somebody put where none belongs: a long unbroken word, or an auth scheme."""
_TICKET: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")

_LOG: Final = logging.getLogger("mattegate.echo")


class Tickets(Protocol):
    """Where tickets are taken out."""

    def consume(self, ticket: str, at: float) -> bool:
        """Take one; whether it was good. Raises :class:`~mattegate.ledger.protocols.Unavailable`."""


class Echo:
    """The ASGI endpoint of ``/v1/echo/{ticket}``. Whoever routes asks ``wants``, then ``consume``, then calls it."""

    def __init__(self, tickets: Tickets, *, prefix: str, key_prefixes: tuple[str, ...] = ()) -> None:
        self._tickets = tickets
        self._path = prefix + ECHO_PATH
        self._key_prefixes = tuple(key.lower() for key in key_prefixes if key)

    def wants(self, path: str) -> str | None:
        """The ticket in a path that would be an echo's; ``None`` for every other path."""
        ticket = path.removeprefix(self._path)
        return ticket if ticket != path and _TICKET.fullmatch(ticket) else None

    def consume(self, ticket: str, at: float) -> bool:
        """Take the ticket; whether it was good. Where they cannot be read there is none, and the operator is told."""
        try:
            return self._tickets.consume(ticket, at)
        except Unavailable as error:
            _LOG.error("echo: access denied, a ticket cannot be taken: %s", error.problem)
            return False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with what arrived. The body is not read. The ticket was taken before."""
        ticket = self.wants(scope["path"]) or ""
        body = encode_json(self._told(scope, _Mac(ticket)))
        headers: RawHeaders = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _told(self, scope: Scope, mac: _Mac) -> dict[str, object]:
        headers = [self._header(name, value, mac) for name, value in scope["headers"]]
        peer, server = scope.get("client"), scope.get("server")
        return {
            "echo": 1,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request": {
                "method": scope["method"],
                "path": self._path + "{ticket}",
                "query": mac.of(scope["query_string"]) if scope["query_string"] else None,
                "http_version": scope["http_version"],
            },
            "connection": {
                "peer": client_address(scope),
                "peer_port": peer[1] if peer else None,
                "server": list(server) if server else None,
                "scheme": scope["scheme"],
                "tls": scope.get(TLS_KEY),
            },
            "forwarded": {name: _values(headers, name) for name in FORWARDED if _values(headers, name)},
            "headers": headers,
            "doubled": sorted({name for name in _names(headers) if _names(headers).count(name) > 1}),
        }

    def _header(self, name: bytes, value: bytes, mac: _Mac) -> dict[str, Any]:
        told = {"name": name.decode("latin-1")}
        text = value.decode("latin-1")
        if name == b"content-type":
            text = text.partition(";")[0]  # the boundary of a form looks like a secret and tells nothing
        if name in SHOWN and len(text) <= _LONGEST and not self._could_be_secret(text):
            return {**told, "value": text}
        return {**told, **mac.of(value)}

    def _could_be_secret(self, text: str) -> bool:
        return bool(_SECRET.search(text)) or any(prefix in text.lower() for prefix in self._key_prefixes)


class _Mac:
    """Stands for values: equal ones have equal MACs under one ticket."""

    def __init__(self, ticket: str) -> None:
        self._key = hashlib.sha256(b"mattegate echo mac\0" + ticket.encode()).digest()

    def of(self, value: bytes) -> dict[str, Any]:
        digits = hmac.new(self._key, value, hashlib.sha256).hexdigest()[:_MAC_DIGITS]
        return {"length": len(value), "mac": digits}


def _names(headers: list[dict[str, Any]]) -> list[str]:
    return [header["name"] for header in headers]


def _values(headers: list[dict[str, Any]], name: str) -> list[object]:
    """The values of one header in order, each as it is told."""
    return [
        header.get("value", {"length": header.get("length"), "mac": header.get("mac")})
        for header in headers
        if header["name"] == name
    ]
