"""``/authz``: the gate for services that know nothing of it, asked by the proxy in front of them.

Rules of this file:

1. The walk is that of the original request, as far as a declared proxy tells it: its method, target, host and client.
   Whoever is no declared proxy is read as whoever connected, and refused.
2. Nobody sees a body here. What only a body could prove is refused; what a head can prove of a body is let in with
   ``X-Mattegate-Body: unverified``, so that the upstream knows whose task it is.
3. A yes names the caller to the upstream by headers that are all there on every yes, so that none of the client's own
   survives. What it took is charged at once: nobody tells the gate how the work ended.
4. A no is the ordinary explained refusal. A proxy that passes 401 and 403 only gets one of them, with the real status
   and the explanation in headers; on record is the real one.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mattegate.gate.address import is_declared
from mattegate.ledger.protocols import Unavailable, Usage
from mattegate.serving import routes
from mattegate.serving.envelope import Envelope
from mattegate.serving.exchange import Exchange
from mattegate.serving.original import ASKING, original
from mattegate.serving.precedent import AT_ONCE, MEMORY
from mattegate.serving.reading import BEHALF
from mattegate.serving.threshold import Threshold
from mattegate.vocabulary import admission
from mattegate.vocabulary.attempt import Behalf

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive, Scope, Send

    from mattegate.config.settings import Settings
    from mattegate.serving.gatehouse import Gatehouse
    from mattegate.serving.problem import RawHeaders
    from mattegate.serving.walk import Walk

PATH: Final = "/authz"

_PASSED_ON: Final = frozenset({401, 403})
_MEMBERS: Final = ("type", "title", "status", "detail", "reason", "layer", "request_id", "remedy")
_LONGEST: Final = 2_048
"""Bytes of the explanation in a header: nginx takes 4 KiB for a whole head."""


class ForwardAuth:
    """The ASGI endpoint of ``/authz``, with an envelope of its own around a threshold of its own."""

    def __init__(
        self, settings: Settings, gatehouse: Gatehouse, *, observe: Callable[[Exchange], None] | None = None
    ) -> None:
        self._gatehouse = gatehouse
        self._proxy = settings.authz.proxy
        self._asking = ASKING[self._proxy]
        self._path = settings.server.prefix + PATH
        table = routes.Beneath(replace(routes.AUTHZ, scope=settings.authz.scope), settings.authz.paths)
        self._http = Envelope(
            Threshold(self._let_in, gatehouse=gatehouse, table=table),
            gatehouse=gatehouse,
            docs=_public(settings) + settings.server.prefix + routes.REASONS_PATH,
            legacy_rate_headers=settings.limits.legacy_headers,
            observe=observe,
        )

    @classmethod
    def of(
        cls, settings: Settings, gatehouse: Gatehouse, *, observe: Callable[[Exchange], None] | None = None
    ) -> ForwardAuth | None:
        """The endpoint, where it is wanted."""
        return cls(settings, gatehouse, observe=observe) if settings.authz.enabled else None

    def wants(self, scope: Scope) -> bool:
        """Whether this is a question to it."""
        if scope["type"] != "http":
            return False
        path: str = scope["path"]
        return path == self._path or (not self._asking.target and path.startswith(f"{self._path}/"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one question."""
        told = _narrowed(_named(send)) if self._asking.narrow else _named(send)
        await self._http(self._meant(scope), receive, told)

    def _meant(self, scope: Scope) -> Scope:
        """The request that is asked about; what a connection remembers is about questions, and stays behind."""
        bare = {name: value for name, value in scope.items() if name not in {AT_ONCE, MEMORY}}
        try:
            declared = is_declared(_peer(scope), self._gatehouse.rules())
        except Unavailable:
            declared = False  # the threshold finds that out for itself, and says so
        if not declared:
            return bare | {BEHALF: Behalf(self._proxy)}
        try:
            return bare | {BEHALF: Behalf(self._proxy)} | original(scope, self._asking, self._path)
        except ValueError as error:
            return bare | {BEHALF: Behalf(self._proxy, str(error))}

    async def _let_in(self, scope: Scope, _: Receive, send: Send) -> None:
        exchange = Exchange.of(scope)
        walk = exchange.walk
        assert walk is not None
        await self._gatehouse.bookkeeper.settle(walk, Usage(images=0, ms=0.0))
        headers = _identity(walk)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0"), *headers]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _public(settings: Settings) -> str:
    """Where callers reach the gate itself, whose pages are not the upstream's; empty where nobody said."""
    return settings.cors.public_urls[0].rstrip("/") if settings.cors.public_urls else ""


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _identity(walk: Walk) -> RawHeaders:
    caller = walk.caller
    told = {
        admission.IDENTITY: caller.identity.id if caller else "",
        admission.KEY: caller.id if caller else "",
        admission.TIER: caller.identity.tier if caller else "",
        admission.BODY: "unverified" if walk.attempt.signature is not None else "",
    }
    return [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in told.items()]


def _named(send: Send) -> Send:
    """``send`` with every header that names a caller on every yes: Envoy takes 200 for one, and no other status."""

    async def named(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] < 300:
            given: RawHeaders = list(message["headers"])
            there = {name for name, _ in given}
            ids = [value for name, value in given if name == b"x-request-id"]
            given += [(_REQUEST, value) for value in ids]
            given += [(name, b"") for name in _TOLD if name not in there and name != _REQUEST]
            message = {**message, "status": 200, "headers": given}
        await send(message)

    return named


_REQUEST: Final = admission.REQUEST.lower().encode()
_TOLD: Final = tuple(name.lower().encode() for name in admission.TOLD)


def _narrowed(send: Send) -> Send:
    """``send`` for a proxy that passes 401 and 403 on, and drops bodies."""
    held: list[Message] = []

    async def narrowed(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 300:
            held.append(message)
            return
        if held:
            await send(_with_explanation(held.pop(), message.get("body", b"")))
        await send(message)

    return narrowed


def _with_explanation(start: Message, body: bytes) -> Message:
    status = start["status"]
    extra = [
        (admission.STATUS.lower().encode(), str(status).encode()),
        (admission.PROBLEM.lower().encode(), _in_one_line(body)),
    ]
    return {**start, "status": status if status in _PASSED_ON else 403, "headers": [*start["headers"], *extra]}


def _in_one_line(body: bytes) -> bytes:
    """The problem document in ASCII; without its sentences where those are too long for a header."""
    document: dict[str, Any] = json.loads(body)
    told = {name: document[name] for name in _MEMBERS if name in document}
    text = json.dumps(told)
    if len(text) > _LONGEST:
        text = json.dumps({name: value for name, value in told.items() if name not in {"detail", "remedy"}})
    return text.encode()
