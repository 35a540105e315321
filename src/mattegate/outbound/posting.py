"""One HTTP POST to an address that an operator named, with every bound that a stranger at the other end makes needful.

Rules of this file: it goes out by the guard, as everything does; redirects are answers, not instructions; neither the
address' path nor any header gets into a message or the log, because both may hold secrets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final, Protocol

from mattegate.outbound.blocked import Blocked
from mattegate.outbound.exchange import Answer, Request
from mattegate.outbound.fetch import GuardedHttp
from mattegate.outbound.guard_rules import PUBLIC_WEB, OutboundRules
from mattegate.outbound.guard_url import read_url

DEADLINE_S: Final = 5.0
"""For look-up, connection, TLS, sending and the head of the answer together; as long again for its body."""
MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read at most; none is kept."""


class Unreachable(Exception):  # noqa: N818 - the state of the other side
    """No answer came: no address that may be asked, no connection, no TLS, no HTTP, or not in time."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What is looked at of an answer."""

    status: int
    retry_after: str = ""
    """The header as it came."""


class Post(Protocol):
    """Sends one request."""

    async def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Posted:
        """Raises :class:`Unreachable`; never follows a redirect; bounded in time and in what is read."""


class HttpPost:
    """:class:`Post` by the guard. A connection a time: notices are rare, and a restarted receiver is met afresh.

    An inner address that the operator wrote as a number, or as ``localhost``, is asked; a name that leads to one only
    where ``rules`` allow it.
    """

    def __init__(
        self, http: GuardedHttp | None = None, rules: OutboundRules = PUBLIC_WEB, *,
        deadline_s: float = DEADLINE_S, max_answer: int = MAX_ANSWER,
    ) -> None:  # fmt: skip
        self._http, self._rules = http or GuardedHttp(), rules
        self._deadline_s, self._max_answer = deadline_s, max_answer

    async def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Posted:
        """Send it, and read no more of the answer than is polite."""
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._deadline_s):
                    request = Request("POST", read_url(url), tuple(headers.items()), body)
                    sent = self._http.exchange(request, self._rules.trusting(url))
                    answer = await stack.enter_async_context(sent)
                await self._drain(answer)
                return Posted(answer.status, answer.header("retry-after"))
        except TimeoutError as error:
            raise Unreachable(f"no answer within {self._deadline_s:g} s") from error
        except Blocked as blocked:
            raise Unreachable(f"no answer ({blocked.cause}: {blocked.problem})") from blocked

    async def _drain(self, answer: Answer) -> None:
        """Let a short answer finish in peace. It is the status that counts, whatever becomes of the rest."""
        try:
            async with asyncio.timeout(self._deadline_s):
                async for _ in answer.pieces(most_on_wire=self._max_answer):
                    pass
        except (Blocked, TimeoutError):
            pass


def checked_url(url: str) -> str:
    """``url`` if it can be posted to.

    Raises ``ValueError``, without quoting it, for what :func:`~mattegate.outbound.guard_url.read_url` refuses.
    """
    try:
        read_url(url)
    except Blocked as blocked:
        raise ValueError(blocked.problem) from None
    return url


def place(url: str) -> str:
    """What may be told of an address that was checked: scheme, host and port."""
    return read_url(url).origin
