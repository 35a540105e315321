"""Whom an authorizer's question goes to: a Python callable of the operator's, or an address. What fails is no answer.

Rules of this file: a callable that is not ``async`` runs in a thread of its own, so that it holds up nobody but who
asks; it cannot be stopped, so its place stays taken until it ends, and when every place is taken nobody is asked. A
daemon thread, because a callable that hangs must not keep the server from ending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import reduce
from importlib import import_module
from inspect import iscoroutinefunction
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Protocol

from mattegate.config.faults import ConfigurationError, Fault
from mattegate.ledger.protocols import Unavailable
from mattegate.outbound.blocked import Blocked
from mattegate.outbound.callout import Authorizer, AuthorizerAnswer

if TYPE_CHECKING:
    from mattegate.config.settings import AuthorizerSettings
    from mattegate.outbound.fetch import GuardedHttp
    from mattegate.outbound.guard_rules import OutboundRules
    from mattegate.vocabulary.authorizing import AuthorizerRequest

AT_ONCE: Final = 32
"""Questions that are open at a time."""
_LONGEST: Final = 200
"""Characters of an exception's text that are told."""
_DENIAL: Final = ("why", "context", "ttl")
"""What is looked at of the body of a 401 or a 403."""


class Target(Protocol):
    """Answers questions."""

    async def ask(self, question: AuthorizerRequest) -> object:
        """What it says, in whatever shape. Raises :class:`Unavailable` ``authorizer``."""


def open_target(settings: AuthorizerSettings, http: GuardedHttp, rules: OutboundRules) -> Target | None:
    """Whom the settings name; ``None``: nobody.

    Raises :class:`~mattegate.config.faults.ConfigurationError` for a callable or an address that cannot be used.
    """
    if settings.callable:
        return CallableTarget(_loaded(settings.callable), timeout_s=settings.timeout_s)
    if not settings.url:
        return None
    try:
        authorizer = Authorizer(http, settings.url, rules, timeout_s=settings.timeout_s)
    except Blocked as blocked:
        raise ConfigurationError([Fault("authorizer.url", "serve", blocked.problem)]) from None
    return HttpTarget(authorizer, timeout_s=settings.timeout_s)


def _loaded(name: str) -> Callable[[AuthorizerRequest], Any]:
    module, _, path = name.partition(":")
    try:
        found = reduce(getattr, path.split("."), import_module(module))
    except Exception as error:  # a module of somebody else's may raise anything
        problem = f"it cannot be loaded: {_told(error)}"
        fix = "PYTHONPATH names the folders in which modules are looked for"
        raise ConfigurationError([Fault("authorizer.callable", "serve", problem, fix=fix)]) from error
    if not callable(found):
        raise ConfigurationError([Fault("authorizer.callable", "serve", f"{path} is not a function")])
    return found


class _Waiting:
    """A place to ask from, and the time to wait for the answer, both bounded."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(AT_ONCE)

    async def outcome(self, begin: Callable[[], asyncio.Future[_Outcome]]) -> _Outcome:
        """How what ``begin`` starts ends. Its place is free again once it has ended, however long that takes."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._places.acquire()
                try:
                    work = begin()
                except RuntimeError:
                    self._places.release()
                    raise
                work.add_done_callback(lambda _: self._places.release())
                return await asyncio.shield(work)
        except TimeoutError:
            raise Unavailable("authorizer", f"it did not answer within {self._timeout_s:g} s") from None
        except RuntimeError as error:
            raise Unavailable("authorizer", f"it cannot be called: {_told(error)}") from error


class _Outcome:
    """What a callable returned or raised; as a value, so that one whom nobody waits for any more is no loose end."""

    __slots__ = ("error", "value")

    def __init__(self, value: object = None, error: BaseException | None = None) -> None:
        self.value, self.error = value, error


class CallableTarget:
    """A function of :class:`~mattegate.vocabulary.authorizing.AuthorizerRequest`, ``async`` or not."""

    def __init__(self, call: Callable[[AuthorizerRequest], Any], *, timeout_s: float) -> None:
        self._call = call
        # An object with an async __call__ is as good as an async function.
        self._is_async = iscoroutinefunction(call) or iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004
        self._waiting = _Waiting(timeout_s)

    async def ask(self, question: AuthorizerRequest) -> object:
        """What it returns."""
        outcome = await self._waiting.outcome(lambda: self._begin(question))
        if outcome.error is not None:
            raise Unavailable("authorizer", f"it raised {_told(outcome.error)}") from outcome.error
        return outcome.value

    def _begin(self, question: AuthorizerRequest) -> asyncio.Future[_Outcome]:
        if self._is_async:
            return asyncio.ensure_future(_awaited(self._call, question))
        return _in_thread(self._call, question)


async def _awaited(call: Callable[[AuthorizerRequest], Awaitable[object]], question: AuthorizerRequest) -> _Outcome:
    try:
        return _Outcome(await call(question))
    except BaseException as error:  # noqa: BLE001 - SystemExit would end the server, a cancellation the request
        return _Outcome(error=error)


def _in_thread(call: Callable[[AuthorizerRequest], Any], question: AuthorizerRequest) -> asyncio.Future[_Outcome]:
    loop = asyncio.get_running_loop()
    ending: asyncio.Future[_Outcome] = loop.create_future()

    def end(outcome: _Outcome) -> None:
        if not ending.done():
            ending.set_result(outcome)

    def work() -> None:
        try:
            outcome = _Outcome(call(question))
        except BaseException as error:  # noqa: BLE001 - SystemExit too ends this thread alone
            outcome = _Outcome(error=error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(end, outcome)

    Thread(target=work, name="authorizer", daemon=True).start()
    return ending


class HttpTarget:
    """An address: 200 answers with an object that says ``allow``, 401 and 403 deny."""

    def __init__(self, authorizer: Authorizer, *, timeout_s: float) -> None:
        self._authorizer = authorizer
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(AT_ONCE)

    async def ask(self, question: AuthorizerRequest) -> object:
        """The object it answers with."""
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
                answer = await self._authorizer.ask(asdict(question))
        except TimeoutError:
            raise Unavailable("authorizer", f"it did not answer within {self._timeout_s:g} s") from None
        except Blocked as blocked:
            raise Unavailable("authorizer", f"{blocked.cause}: {blocked.problem}") from blocked
        return _said(answer)


def _said(answer: AuthorizerAnswer) -> object:
    if answer.status == 200:
        return answer.fields
    if answer.fields.get("allow") is True:
        raise Unavailable("authorizer", f"it says allow, and denies by status {answer.status}")
    return {"allow": False} | {name: answer.fields[name] for name in _DENIAL if name in answer.fields}


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST]
