"""Keys of a token issuer: fresh without asking, renewed by one request at a time, stale within bounds.

Rules of this file, for one issuer each:
1. Fresh keys are handed out at once. How long they are fresh says the answer's ``Cache-Control``, within bounds.
2. Expired keys are renewed; whoever comes meanwhile waits for the same request.
3. A failure is remembered: until the next try is due nobody waits, and the keys of before serve for a bounded time.
   Tries after a failure run beside the requests, not in front of them.
4. A key that is not among them may be new: that renews too, but so seldom that invented keys cause no load.
5. Nothing left to serve is `KeysUnavailable`, never "no such key": an outage must not look like a forged token.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from mattegate.outbound.blocked import Blocked
from mattegate.outbound.fetch import Fetched
from mattegate.outbound.notice import one_line

T = TypeVar("T")

_LOG: Final = logging.getLogger("mattegate.keys")
_MAX_AGE: Final = re.compile(r'max-age\s*=\s*"?(\d{1,10})', re.ASCII | re.IGNORECASE)
_NO_CACHE: Final = re.compile(r"\bno-(?:store|cache)\b", re.IGNORECASE)


class KeysUnavailable(Exception):  # noqa: N818 - the state of the other side
    """There are no keys to judge by just now; ``str`` says nothing of where they should come from."""

    def __init__(self, problem: str) -> None:
        super().__init__("the keys of the issuer cannot be had")
        self.problem = problem
        """For the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingRules:
    """How long keys are kept, in seconds."""

    shortest: float = 300.0
    longest: float = 86_400.0
    usual: float = 3_600.0
    """Where the answer does not say."""
    stale: float = 3_600.0
    """How long expired keys still serve while new ones cannot be had."""
    again: float = 30.0
    """Between two requests that a failure or an unknown key causes."""


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    keys: T
    fresh_until: float


class RemoteKeys(Generic[T]):
    """The keys of one issuer, for everything in one event loop.

    ``load`` gets the key set document and raises :class:`~mattegate.outbound.blocked.Blocked`; ``parse`` makes keys of
    its bytes and raises ``ValueError``; ``clock`` gives seconds that never go back.
    """

    def __init__(
        self, load: Callable[[], Awaitable[Fetched]], parse: Callable[[bytes], T], *,
        clock: Callable[[], float], rules: KeepingRules | None = None,
    ) -> None:  # fmt: skip
        self._load, self._parse, self._clock, self._rules = load, parse, clock, rules or KeepingRules()
        self._kept: _Kept[T] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._asked_at = float("-inf")
        self._failure = ""
        """Why the last request brought nothing; empty: it did, or there was none."""

    async def current(self) -> T:
        """The keys, renewed where they expired. Raises :class:`KeysUnavailable`."""
        if self._kept is None or self._clock() >= self._kept.fresh_until:
            if not self._failure or (self._may_ask() and self._usable() is None):
                await self._renewed()
            elif self._may_ask():
                self._renew()
        return self._served()

    async def after_unknown(self) -> T:
        """The keys again, after one was not among them: newer ones, if it is not too soon to ask.

        Raises :class:`KeysUnavailable` where asking failed, because then nobody knows whether the key exists.
        """
        if self._renewal is not None or self._may_ask():
            await self._renewed()
        if self._failure:
            raise KeysUnavailable(self._failure)
        return self._served()

    async def aclose(self) -> None:
        """Ask no more."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])

    def _served(self) -> T:
        if (kept := self._usable()) is None:
            raise KeysUnavailable(self._failure or "they expired, and new ones are not there yet")
        return kept.keys

    def _usable(self) -> _Kept[T] | None:
        kept = self._kept
        return kept if kept and self._clock() < kept.fresh_until + self._rules.stale else None

    def _may_ask(self) -> bool:
        return self._clock() >= self._asked_at + self._rules.again

    async def _renewed(self) -> None:
        """Wait for the one request. Who gives up waiting does not stop it for the others."""
        await asyncio.shield(self._renew())

    def _renew(self) -> asyncio.Task[None]:
        if self._renewal is None:
            self._asked_at = self._clock()
            self._renewal = asyncio.create_task(self._ask())
            self._renewal.add_done_callback(self._forget)
        return self._renewal

    def _forget(self, _: asyncio.Task[None]) -> None:
        self._renewal = None

    async def _ask(self) -> None:
        try:
            fetched = await self._load()
            keys = self._parse(fetched.body)
        except Blocked as blocked:
            self._fail(f"{blocked.cause}: {blocked.problem}")
        except ValueError as error:
            self._fail(f"the key set cannot be read: {one_line(str(error), limit=200)}")
        else:
            self._kept = _Kept(keys, self._clock() + lifetime(fetched, self._rules))
            self._failure = ""

    def _fail(self, problem: str) -> None:
        self._failure = problem
        _LOG.warning("keys of an issuer cannot be had: %s", problem)


def lifetime(fetched: Fetched, rules: KeepingRules) -> float:
    """Seconds for which an answer is fresh: ``max-age`` less ``Age`` (RFC 9111, section 4.2), within the bounds."""
    control = fetched.header("cache-control")
    ages = [float(text) for text in _MAX_AGE.findall(control)]
    if _NO_CACHE.search(control):
        return rules.shortest
    spent = fetched.header("age")
    age = float(spent) if spent.isascii() and spent.isdecimal() and len(spent) <= 10 else 0.0
    wanted = min(ages) - age if ages else rules.usual
    return min(max(wanted, rules.shortest), rules.longest)
