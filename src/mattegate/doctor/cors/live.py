"""Asks a real server as a page would: the preflight first, then the request where a browser would send it.

The browser's rules stand in ``fetch`` and ``judge``; here is only the asking. A request that the browser would not send
is not sent here either.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Timer
from typing import Final, Protocol
from urllib.parse import quote, urlsplit

from mattegate.doctor.cors.fetch import (
    BadPageRequest,
    Dialect,
    PageRequest,
    preflight_headers,
    preflight_reasons,
    redirected,
)
from mattegate.doctor.cors.judge import Answer, Judgement, Stage, judge_answer, judge_page, judge_preflight
from mattegate.doctor.observation import Headers

HOPS: Final = 20
"""Redirects that a browser follows (*HTTP-redirect fetch*, redirect count)."""
_TIMEOUT: Final = 10.0
_BODY_BYTES: Final = 65_536
_USER_AGENT: Final = "Mozilla/5.0 (compatible; mattegate-doctor)"


class Unanswered(Exception):  # noqa: N818 - the state of what was asked
    """No answer came; the message says what did."""


class Exchanger(Protocol):
    """Sends one request and returns its answer: status, headers and the beginning of the body.

    Follows no redirect. Raises :class:`Unanswered`.
    """

    def __call__(self, method: str, url: str, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
        """The answer to this request, and to no other."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One exchange as a browser would have it: of a chain of redirects, one link."""

    request: PageRequest
    preflight: Answer | None
    """``None`` where none was sent, or none was answered."""
    actual: Answer | None
    """``None`` where it was not sent, or not answered."""
    judgement: Judgement


def ask(
    request: PageRequest, exchange: Exchanger, *, body: bytes = b"", dialect: Dialect = Dialect.CHROMIUM
) -> tuple[Hop, ...]:
    """What becomes of a request at its real server, redirects followed; the last hop's judgement is how it ends.

    The request is really sent, with all that it does there, wherever a browser would send it.
    """
    return tuple(_hops(request, exchange, body, dialect))


def _hops(request: PageRequest, exchange: Exchanger, body: bytes, dialect: Dialect) -> Iterator[Hop]:
    for _ in range(HOPS + 1):
        hop = _hop(request, exchange, body, dialect)
        yield hop
        if hop.judgement.stage is not Stage.REDIRECT or hop.actual is None:
            return
        try:
            following = redirected(request, hop.actual.status, hop.judgement.follows)
        except BadPageRequest:
            return
        body = body if following.method == request.method else b""
        request = following


def _hop(request: PageRequest, exchange: Exchanger, body: bytes, dialect: Dialect) -> Hop:
    stopped = judge_page(request)
    if stopped:
        return Hop(request, None, None, stopped)
    preflight = None
    if preflight_reasons(request, dialect):
        preflight = _answer(exchange, "OPTIONS", request.url, _preflight(request, dialect))
        stopped = judge_preflight(request, preflight, dialect=dialect)
        if stopped:
            return Hop(request, preflight, None, stopped)
    actual = _answer(exchange, request.method, request.url, _headers(request), body)
    return Hop(request, preflight, actual, judge_answer(request, actual, preflight=preflight, dialect=dialect))


def _answer(exchange: Exchanger, method: str, url: str, headers: Headers, body: bytes = b"") -> Answer | None:
    try:
        status, answered, _ = exchange(method, url, headers, body)
    except Unanswered:
        return None
    return Answer(status, answered)


def _preflight(request: PageRequest, dialect: Dialect) -> Headers:
    return (*preflight_headers(request, dialect), *_of_the_browser(request))


def _headers(request: PageRequest) -> Headers:
    named = {name for name, _ in request.sent_headers}
    own = (("accept", "*/*"), ("sec-fetch-mode", "cors"), *_of_the_browser(request))
    # Same-origin requests with GET or HEAD carry no Origin (*append a request Origin header*).
    told = request.cross_origin or request.method not in ("GET", "HEAD")
    origin = (("origin", request.origin),) if told else ()
    return (*request.sent_headers, *(header for header in own if header[0] not in named), *origin)


def _of_the_browser(request: PageRequest) -> Headers:
    site = "cross-site" if request.cross_origin else "same-origin"
    return (("user-agent", _USER_AGENT), ("sec-fetch-dest", "empty"), ("sec-fetch-site", site))


@dataclass(frozen=True, slots=True)
class Plain:
    """The standard library's client: no proxy, no cookies, one request a connection, everything bounded."""

    timeout: float = _TIMEOUT
    """Seconds, for connecting and again for all that follows."""
    context: ssl.SSLContext | None = None
    """How certificates are checked; ``None``: as the system does."""

    def __call__(self, method: str, url: str, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
        """See :class:`Exchanger`."""
        try:
            return self._exchange(method, url, headers, body)
        except (OSError, HTTPException, ValueError) as error:
            raise Unanswered(f"{method} {url}: {type(error).__name__}: {error}") from error

    def _exchange(self, method: str, url: str, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
        connection = self._connection(url)
        try:
            connection.connect()
            with _deadline(connection.sock, self.timeout):
                connection.putrequest(method, _target(url), skip_accept_encoding=True)
                for name, value in (*headers, *_length(method, body)):
                    connection.putheader(name, value.encode("latin-1"))
                connection.endheaders(body or None)
                answer = connection.getresponse()
                answered = tuple((name.lower(), value) for name, value in answer.getheaders())
                return answer.status, answered, answer.read(_BODY_BYTES)
        finally:
            connection.close()

    def _connection(self, url: str) -> HTTPConnection:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            context = self.context or ssl.create_default_context()
            return HTTPSConnection(host, port, timeout=self.timeout, context=context)
        return HTTPConnection(host, port, timeout=self.timeout)


@contextmanager
def _deadline(sock: socket.socket, seconds: float) -> Iterator[None]:
    """Cuts off a server that trickles. Raises :class:`TimeoutError` then: what was read so far is no answer."""
    passed = Event()

    def cut() -> None:
        passed.set()
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = Timer(seconds, cut)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if passed.is_set():
            raise TimeoutError(f"no whole answer in {seconds:g} seconds")


def _target(url: str) -> str:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return quote(target, safe="%/:?[]@!$&'()*+,;=~-._")


def _length(method: str, body: bytes) -> Headers:
    return (("content-length", str(len(body))),) if body or method in ("POST", "PUT", "PATCH") else ()
