"""Where a request meets the gate: read the head, decide, and only then let the application see it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from mattegate.config.settings import UploadSettings
from mattegate.ledger.protocols import Unavailable
from mattegate.serving.bookkeeping import unavailable
from mattegate.serving.budget import Budget
from mattegate.serving.exchange import Exchange
from mattegate.serving.gatehouse import Gatehouse, refusal_for
from mattegate.serving.handshake import as_request
from mattegate.serving.held_body import BodyHolder, HeldBody, as_signed
from mattegate.serving.reading import read_attempt
from mattegate.serving.routes import NOWHERE, Match
from mattegate.vocabulary.attempt import Flawed
from mattegate.vocabulary.decision import Refused

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from mattegate.serving.walk import Walk

VALUES: Final = "mattegate.values"
"""Where in the scope the named segments of the path stand."""


class Table(Protocol):
    """Finds the route of a path."""

    def match(self, path: str) -> Match:
        """The route of ``path``."""


HeadReader = Callable[["Scope", "Match"], tuple[Flawed | None, str]]
"""What the surface says of a head: its objection, if it has one, and the model that is asked for."""


def no_surface(_: Scope, __: Match) -> tuple[Flawed | None, str]:
    """Of an application whose wire format the gate does not know, only the general rules are judged."""
    return None, ""


class Threshold:
    """ASGI around an application; an :class:`~mattegate.serving.envelope.Envelope` must be around it in turn.

    ``websockets`` says whether the application speaks them; where it does not, no path of it is one.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        gatehouse: Gatehouse,
        table: Table,
        read_head: HeadReader = no_surface,
        holder: BodyHolder | None = None,
        websockets: bool = False,
    ) -> None:
        self._app = app
        self._gatehouse = gatehouse
        self._table = table
        self._read_head = read_head
        self._holder = holder or BodyHolder(UploadSettings(), Budget(UploadSettings().budget_bytes))
        self._websockets = websockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide on one request. Raises :class:`Refusal`; the envelope explains it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        exchange = Exchange.of(scope)
        held = self._holder.held(receive) if exchange.body_expected or _framed_otherwise(scope) else None
        try:
            walk = await self.admit(scope, held)
            await self._pass_on(walk, scope, held or receive, send)
        finally:
            if held is not None:
                held.close()

    async def _pass_on(self, walk: Walk, scope: Scope, receive: Receive, send: Send) -> None:
        if walk.attempt.preflight is not None:
            await _send_empty(send, [])  # the envelope says what a page may do, as it does on every answer
        elif walk.attempt.method == "OPTIONS" and walk.attempt.route.methods:
            await _send_empty(send, [(b"allow", ", ".join(sorted(walk.attempt.route.methods)).encode())])
        else:
            await self._app(scope, as_signed(receive, walk.attempt), send)

    async def admit(self, scope: Scope, body: HeldBody | None = None) -> Walk:
        """Walk up to the work; ``body`` is for proofs that cover it. Raises :class:`Refusal`."""
        exchange = Exchange.of(scope)
        match = _asked_about(self._match(scope)) if scope.get("method") == "OPTIONS" else self._match(scope)
        scope[VALUES] = match.values
        try:
            rules, keys = self._gatehouse.rules_and_keys()
        except Unavailable as error:
            raise unavailable(error) from error
        exchange.at = time.time()
        flawed, model = self._read_head(scope, match) if match.route.staged else (None, "")
        reading = read_attempt(
            as_request(scope),
            match,
            rules.rulebook.credential,
            request_id=exchange.request_id,
            at=exchange.at,
            flawed=flawed,
            model=model,
            signature=rules.rulebook.signature,
        )
        if certificates := self._gatehouse.certificates:
            reading = certificates.read(reading, scope, rules)
        exchange.walk = walk = self._gatehouse.begin(reading, rules, keys, exchange.flood)
        evidence = reading.evidence if body is None else replace(reading.evidence, body=body)
        await self._gatehouse.enter(walk, evidence)
        if isinstance(walk.decision, Refused):
            raise refusal_for(walk)
        return walk

    def _match(self, scope: Scope) -> Match:
        if scope["type"] == "websocket" and not self._websockets:
            return NOWHERE
        return self._table.match(scope["path"])


def _framed_otherwise(scope: Scope) -> bool:
    """Whether a body may come that no header announces (RFC 9113, section 8.1), so that a proof over it must look."""
    return scope["type"] == "http" and scope.get("http_version", "1.1") not in {"1.0", "1.1"}


def _asked_about(match: Match) -> Match:
    """A route that is only asked what it does, and answered here: nothing is taken for that, and nothing worked on."""
    if not match.route.methods:
        return match
    return replace(match, route=replace(match.route, metered=False, staged=False))


async def _send_empty(send: Send, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
