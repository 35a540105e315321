"""What the admin plane rests on, and how its endpoints get at it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Final, ParamSpec, TypeVar

from fastapi import Depends, Request

from mattegate.config.settings import Settings
from mattegate.ledger.control import Control, note
from mattegate.ledger.desk import Desk
from mattegate.ledger.protocols import Keyring, RecordBook
from mattegate.ledger.usage_book import UsageBook
from mattegate.serving.exchange import Exchange
from mattegate.serving.gatehouse import Gatehouse
from mattegate.serving.metrics import Metrics, Sources
from mattegate.vocabulary.facts import Plain

_PARTS: Final = "parts"
_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class AdminParts:
    """The parts of one installation; ``thread`` is the ledger's."""

    settings: Settings
    gatehouse: Gatehouse
    desk: Desk
    control: Control
    keyring: Keyring
    records: RecordBook
    usage: UsageBook
    thread: Executor
    metrics: Metrics
    sources: Sources = field(default_factory=Sources)
    """Who is asked how the parts stand."""
    tasks: Callable[[], Iterable[Mapping[str, Any]]] | None = None
    """How each task stands; ``None`` where none run."""
    open_metrics: bool = False
    """Whether ``/metrics`` answers without a token."""
    clock: Callable[[], float] = time.time

    async def act(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """One short call of the ledger, in its thread, between those of the requests."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, partial(call, *args, **kwargs))

    async def read(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """A call that may take long and only reads; it keeps no request waiting."""
        return await asyncio.to_thread(call, *args, **kwargs)

    def note(self, act: str, subject: str, details: Mapping[str, Plain], *, actor: str) -> None:
        """Write an act that the desk knows nothing of into the audit log."""
        note(self.control, act, subject, details, actor=actor, at=self.clock())


def place(parts: AdminParts, state: Any) -> None:
    """Put ``parts`` where the endpoints find them."""
    setattr(state, _PARTS, parts)


def _parts(request: Request) -> AdminParts:
    parts = getattr(request.app.state, _PARTS)
    assert isinstance(parts, AdminParts)
    return parts


def _actor(request: Request) -> str:
    """Who acts; whoever comes past the guard is somebody."""
    admin = Exchange.of(request.scope).admin
    assert admin
    return f"admin:{admin}"


Parts = Annotated[AdminParts, Depends(_parts)]
Actor = Annotated[str, Depends(_actor)]
