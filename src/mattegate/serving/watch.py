"""Stopping work that nobody waits for any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import Receive

_T = TypeVar("_T")


async def until_gone(receive: Receive, work: Coroutine[Any, Any, _T]) -> _T:
    """Await ``work``, whose request body was read to its end, but cancel it when the caller closes the connection.

    Raises :class:`Refusal` ``request.client_gone``, or whatever ``work`` raises.
    """
    task = asyncio.create_task(work)
    watcher = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({task, watcher}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Refusal("request.client_gone")
        return task.result()
    finally:
        await _stop(watcher, task)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stop(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)  # how a stopped task ends interests nobody
