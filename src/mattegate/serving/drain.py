"""The end of serving, in order: say so, finish what is in hand, stop the engine."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mattegate.cutout.engine.protocol import Engine


class Drain:
    """Knows whether serving is about to end and how many cut-outs are in hand."""

    def __init__(self, engine: Engine, *, patience_s: float) -> None:
        self.engine = engine
        self._patience_s = patience_s
        self._in_hand = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._finished = False
        self.begun = False

    def begin(self) -> None:
        """From now on nothing new is taken and ``/ready`` says so; safe in a signal handler."""
        self.begun = True

    @contextmanager
    def work(self) -> Iterator[None]:
        """Keep the engine running for the length of the block. Raises ``capacity.draining`` once begun."""
        if self.begun:
            raise Refusal("capacity.draining")
        self._in_hand += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._in_hand -= 1
            if not self._in_hand:
                self._idle.set()

    async def finish(self) -> None:
        """Wait for what is in hand, at most the drain time, then drain the engine; a second call does nothing."""
        self.begin()
        if self._finished:
            return
        self._finished = True
        with suppress(TimeoutError):  # what is still in hand then meets the engine's own ``capacity.draining``
            await asyncio.wait_for(self._idle.wait(), self._patience_s)
        await self.engine.drain()
