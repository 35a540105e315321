"""The outermost layer: every answer gets its id and its headers, every refusal its explanation, every request its line.

What is refused before its body was read is explained *while* the caller may still be sending: the answer goes out, a
little of the rest is drained so that the caller gets to read it, and only then the connection is closed
(RFC 9112, section 9.6).
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from mattegate.gate.cors import cors_headers, preflight_headers
from mattegate.gate.limits import rate_headers
from mattegate.gate.wording import untellable
from mattegate.serving.accept_signature import asked_for
from mattegate.serving.access import access_form, log_access, log_access_again
from mattegate.serving.exchange import Exchange
from mattegate.serving.gatehouse import refusal_for
from mattegate.serving.handshake import as_request, denying, opening_status
from mattegate.serving.payload import plain
from mattegate.serving.precedent import AnswerForm, docket_of_repeated, sets_precedent
from mattegate.serving.problem import Problem, encode_json
from mattegate.serving.reading import without_keys
from mattegate.serving.unhandled import explained
from mattegate.signing.leaks import HIDDEN
from mattegate.signing.shape import Known
from mattegate.vocabulary.decision import Refused
from mattegate.vocabulary.facts import Outcome
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mattegate.serving.gatehouse import Gatehouse
    from mattegate.serving.precedent import Precedent
    from mattegate.serving.problem import RawHeaders

DRAIN_BYTES: Final = 1 << 20
DRAIN_S: Final = 2.0

_GONE: Final = frozenset({"http.disconnect", "websocket.disconnect"})
_OURS: Final = frozenset({b"x-request-id", b"x-content-type-options", b"access-control-allow-origin"})


class Envelope:
    """ASGI around everything; ``docs`` is the path of the page that lists the reasons.

    ``observe`` is told of every exchange once its answer is out, and must not raise.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        gatehouse: Gatehouse,
        docs: str,
        legacy_rate_headers: bool = False,
        observe: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._app = app
        self._observe = observe
        self._gatehouse = gatehouse
        self._docs = docs
        self._legacy = legacy_rate_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the handshake of one WebSocket; the lifespan passes through.

        Within another envelope refusals are explained here and everything else is left to the outer one.
        """
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if Exchange.within(scope):
            await self._answer(scope, receive, send, Exchange.of(scope))
            return
        exchange = Exchange(started=perf_counter())
        docket = docket_of_repeated(scope, self)
        precedent = docket.precedent if docket else None
        if precedent and self._gatehouse.precedents.follow(precedent, exchange):
            await self._repeat(precedent, scope, send, exchange)
            return
        exchange.body_expected = _body_expected(scope)
        exchange.attach(scope)
        out = send if scope["type"] == "http" else denying(send, scope)
        try:
            await self._answer(scope, _counted(receive, exchange), self._labelled(out, exchange), exchange)
        finally:
            log_access(_as_told(as_request(scope), exchange), exchange, now=perf_counter())
            if self._observe is not None:
                self._observe(exchange)
        if docket:
            docket.precedent = self._precedent(scope, exchange)

    async def _repeat(self, precedent: Precedent, scope: Scope, send: Send, exchange: Exchange) -> None:
        """Give the answer of ``precedent``."""
        exchange.bytes_out = precedent.answer.body_length
        try:
            await precedent.answer.give(exchange.request_id, scope, send)
        finally:
            log_access_again(precedent.line, exchange, now=perf_counter())
            if self._observe is not None:
                self._observe(exchange)

    def _precedent(self, scope: Scope, exchange: Exchange) -> Precedent | None:
        """The precedent that this refusal sets, if it is one that can be given again."""
        walk = exchange.walk
        if walk is None or not sets_precedent(exchange, walk):
            return None
        problem = Problem.of(refusal_for(walk), walk)
        try:
            body = problem.body_with_hole(instance=_instance(scope, exchange), docs=self._docs)
        except (UnicodeEncodeError, OverflowError):
            return None
        first = body.replace(b"\0", exchange.request_id.encode())
        answer = AnswerForm.of(problem.status, self._labels(exchange, problem.headers(first)), body, len(first))
        line = access_form(_as_told(as_request(scope), exchange), exchange)
        return self._gatehouse.precedents.of(exchange, walk, answer, line) if line is not None else None

    async def _answer(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            refusal = explained(error, exchange.request_id)
            if exchange.answering:
                raise  # the server cuts the connection, so that half an answer is not taken for a whole one
            await self._refuse(refusal, scope, receive, send, exchange)
        else:
            if not exchange.answering:
                await self._refuse(_silence(exchange), scope, receive, send, exchange)

    async def _refuse(self, refusal: Refusal, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        refusal = await self._concluded(_discreet(refusal, exchange), exchange)
        exchange.reason, exchange.problem = refusal.reason.code, refusal.operator_detail
        if refusal.reason.code == "request.client_gone":
            exchange.status = refusal.reason.status  # nobody is there to read an answer
            return
        problem = Problem.of(refusal, exchange.walk)
        instance = _instance(scope, exchange)
        body = encode_json(problem.document(request_id=exchange.request_id, instance=instance, docs=self._docs))
        headers = [*problem.headers(body), *asked_for(problem, as_request(scope), exchange.walk)]
        if exchange.body_left:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        if exchange.body_left:
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await _drain(receive, exchange)
            body = b""
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _concluded(self, refusal: Refusal, exchange: Exchange) -> Refusal:
        """The refusal to answer with: this one, unless it cannot be put on record."""
        if exchange.concluded:
            return refusal
        try:
            await self._gatehouse.conclude(exchange, Outcome(refusal.reason.code, plain(refusal.facts), refusal.status))
        except Exception as error:  # noqa: BLE001 - our own bug must not cost the caller the explanation
            return explained(error, exchange.request_id)
        return refusal

    def _labelled(self, send: Send, exchange: Exchange) -> Send:
        async def labelled(message: Message) -> None:
            status = None if exchange.answering else opening_status(message)
            if status is not None:
                if not exchange.concluded:
                    await self._gatehouse.conclude(exchange, Outcome(status=status))
                exchange.status = status
                if message["type"] != "websocket.close":  # which has no headers
                    message = {**message, "headers": self._labels(exchange, message.get("headers", ()))}
            else:
                exchange.bytes_out += len(message.get("body", b""))
            await send(message)

        return labelled

    def _labels(self, exchange: Exchange, given: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
        """The answer's headers: those given, and what every answer carries in place of any that say the same."""
        ours: RawHeaders = [
            (b"x-request-id", exchange.request_id.encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
        replaced = _OURS
        if (walk := exchange.walk) and not walk.attempt.administrative:  # whose answers no page may read
            if walk.attempt.preflight is not None:
                ours += preflight_headers(walk.attempt, walk.rules, walk.decision, docs=self._docs)
                replaced = frozenset(name for name, _ in ours)
            else:
                ours += cors_headers(walk.attempt, walk.rules)
            if walk.facts.claim is not None:
                answers = walk.stand or walk.facts.claim.limits
                ours += rate_headers(answers, legacy=self._legacy, at=walk.attempt.at)
        return [pair for pair in given if pair[0].lower() not in replaced] + ours


def _discreet(refusal: Refusal, exchange: Exchange) -> Refusal:
    """The refusal as it can be told, and without any key that it quotes; a decision's own is sound already."""
    walk = exchange.walk
    if walk is None or isinstance(walk.decision, Refused):
        return refusal
    facts = without_keys(plain(refusal.facts), Known.of(walk.rules.rulebook.credential).prefixes)
    if problem := untellable(refusal.reason.code, facts):
        return Refusal("internal.error", problem=problem)
    hidden = {name: fact for name, fact in facts.items() if HIDDEN in str(fact)}
    return Refusal(refusal.reason.code, **(refusal.facts | hidden)) if hidden else refusal


def _instance(scope: Scope, exchange: Exchange) -> str:
    """The path as it was sent, unless a key stands in it."""
    walk = exchange.walk
    if walk is not None and HIDDEN in walk.attempt.path:
        return quote(walk.attempt.path, safe="/*")
    return str(scope.get("raw_path", b"")[:256].decode("latin-1"))


def _as_told(scope: Scope, exchange: Exchange) -> Scope:
    """The scope as it may be logged: a key that stands where none belongs is hidden there as it is in the record."""
    walk = exchange.walk
    if walk is None or not (HIDDEN in walk.attempt.path or HIDDEN in walk.attempt.client_request_id):
        return scope
    request_id = walk.attempt.client_request_id.encode("latin-1", "replace")
    return {**scope, "path": walk.attempt.path, "headers": [(b"x-request-id", request_id)]}


def _silence(exchange: Exchange) -> Refusal:
    """Of an application that ended without an answer."""
    if exchange.gone:
        return Refusal("request.client_gone")
    return Refusal("internal.error", problem="the application ended without an answer")


async def _drain(receive: Receive, exchange: Exchange) -> None:
    """Read and forget at most ``DRAIN_BYTES`` for at most ``DRAIN_S``."""
    enough = exchange.bytes_in + DRAIN_BYTES
    try:
        async with asyncio.timeout(DRAIN_S):
            while exchange.body_left and exchange.bytes_in < enough:
                if (await receive())["type"] == "http.disconnect":
                    return
    except TimeoutError:
        return  # the answer had its time to arrive


def _counted(receive: Receive, exchange: Exchange) -> Receive:
    async def counted() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            exchange.bytes_in += len(message.get("body", b""))
            exchange.body_complete = not message.get("more_body", False)
        elif message["type"] in _GONE:
            exchange.gone = True
        return message

    return counted


def _body_expected(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and value.strip(b" 0")):
            return True
    return False
