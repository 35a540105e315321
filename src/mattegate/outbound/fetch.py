"""The one way out by HTTP: key sets, authorizers, webhooks and images all go through here.

1. The address is read, by one reader (`guard_url`).
2. Scheme, port and host are held to the rules, the name is resolved once, every address is checked (`guard`).
3. The connection goes to a checked address (`connection`); name and certificate stay the name's.
4. One request, one bounded answer (`exchange`).
5. A redirect starts again at 1, a few times, never from https to http, and takes no header of the caller's along to
   another origin.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import httpx2

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.connection import connected
from mattegate.outbound.exchange import Answer, Headers, Request, Wire
from mattegate.outbound.guard import Resolver, SystemResolver, admitted
from mattegate.outbound.guard_rules import OutboundRules
from mattegate.outbound.guard_url import Target, read_url, redirected

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AGENT: Final = ("user-agent", "mattegate/1")


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer of status 200, whole."""

    body: bytes
    content_type: str
    """In lower case and without parameters, as the other side claims; empty: not said."""
    final_url: str
    """After redirects. May hold a secret in its path."""
    headers: Headers = ()

    def header(self, name: str) -> str:
        """The values of the header ``name`` (lower case), joined by commas; empty: none."""
        return ", ".join(value for given, value in self.headers if given == name)


@dataclass(frozen=True, slots=True)
class Posted:
    """An answer to what was posted, whatever its status."""

    status: int
    body: bytes
    content_type: str


class GuardedHttp:
    """Asks other servers, each time by a connection of its own. May be shared by much in one event loop.

    What strangers name (images) has one of its own: its threads for look-ups are then the only ones that a slow name
    server of theirs can fill.

    ``tls``: whose certificates count; by default those that this machine trusts, or ``SSL_CERT_FILE`` names.
    """

    def __init__(self, *, resolve: Resolver | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._resolve = resolve or SystemResolver()
        self._given_tls = tls

    @asynccontextmanager
    async def exchange(self, request: Request, rules: OutboundRules) -> AsyncIterator[Answer]:
        """Send ``request`` to where it may go, and give its answer while the block lasts. Follows no redirect.

        Bounded by the rules step by step but not as a whole. Raises :class:`~mattegate.outbound.blocked.Blocked`.
        """
        target = request.target
        addresses = await admitted(target, rules, self._resolve)
        tls = self._tls if target.scheme == "https" else None
        async with connected(target, addresses, tls=tls, timeout_s=rules.connect_s) as stream:
            yield await Wire(stream, target.host, stall_s=rules.stall_s).ask(request)

    async def fetch(
        self, url: str, rules: OutboundRules, *, accept: str = "*/*", max_bytes: int | None = None,
        headers: Headers = (),
    ) -> Fetched:  # fmt: skip
        """What lies at ``url``, after as many redirects as the rules allow.

        ``accept`` is asked for, not enforced; ``headers`` go to the origin of ``url`` alone. Raises
        :class:`~mattegate.outbound.blocked.Blocked`.
        """
        most = rules.max_bytes if max_bytes is None else max_bytes
        async with _within(rules.total_s):
            target = read_url(url)
            for hop in range(rules.redirects + 1):
                with _telling(hop):
                    asked = Request("GET", target, (_AGENT, ("accept", accept), *headers))
                    async with self.exchange(asked, rules) as answer:
                        if answer.status not in _REDIRECTS:
                            return await _fetched(target, answer, most)
                        leads = _next(target, answer)
                headers = headers if leads.origin == target.origin else ()
                target = leads
        raise Blocked(Cause.REDIRECT, f"more than {rules.redirects} redirects", limit=rules.redirects)

    async def post(
        self, url: str, rules: OutboundRules, *, body: bytes, headers: Headers = (), max_bytes: int | None = None
    ) -> Posted:
        """The answer of ``url`` to ``body``. A redirect is an answer, not an instruction.

        Raises :class:`~mattegate.outbound.blocked.Blocked`.
        """
        async with _within(rules.total_s):
            request = Request("POST", read_url(url), (_AGENT, *headers), body)
            async with self.exchange(request, rules) as answer:
                received = await answer.read(rules.max_bytes if max_bytes is None else max_bytes)
                return Posted(answer.status, received, _media_type(answer))

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or httpx2.create_ssl_context()


async def _fetched(target: Target, answer: Answer, max_bytes: int) -> Fetched:
    if answer.status != 200:
        raise Blocked(
            Cause.STATUS, f"{target.host} answers {answer.status}", host=target.host, status=answer.status
        )  # fmt: skip
    body = await answer.read(max_bytes)
    return Fetched(body, _media_type(answer), str(target), answer.headers)


def _next(origin: Target, answer: Answer) -> Target:
    locations = [value for name, value in answer.headers if name == "location"]
    if len(locations) != 1:
        raise Blocked(Cause.REDIRECT, f"{origin.host} redirects to {len(locations)} places", host=origin.host)
    target = redirected(origin, locations[0].encode("latin-1"))
    if origin.scheme == "https" and target.scheme == "http":
        raise Blocked(Cause.REDIRECT, f"{origin.host} redirects from https to http", host=origin.host)
    return target


def _media_type(answer: Answer) -> str:
    return answer.header("content-type").partition(";")[0].strip().lower()


@contextmanager
def _telling(hop: int) -> Iterator[None]:
    """Have a refusal say at which request of a chain it came, from 0."""
    try:
        yield
    except Blocked as blocked:
        blocked.facts = {**blocked.facts, "hop": hop}
        raise


@asynccontextmanager
async def _within(total_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(total_s):
            yield
    except TimeoutError:
        raise Blocked(Cause.TIMEOUT, f"not finished within {total_s:g} s", stage="total") from None
