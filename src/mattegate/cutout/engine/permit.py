"""The permit that every engine of this package hands out: one job on one slot, which is always given back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeAlias

from mattegate.cutout.engine.protocol import Cutout, Job

Begun: TypeAlias = tuple[Coroutine[None, None, Cutout], Callable[[], None]]
"""A job's work, and what calls it off without waiting."""


class SlotPermit:
    """Runs one job that ``begin`` begins, and calls ``give_back`` once the slot is free.

    The work is a task of its own: a caller who goes away calls it off, but the slot stays taken until it has ended.
    """

    def __init__(self, begin: Callable[[Job], Begun], give_back: Callable[[], None]) -> None:
        self._begin = begin
        self._give_back = give_back
        self._work: asyncio.Task[Cutout] | None = None

    async def run(self, job: Job) -> Cutout:
        """Make the cut-out; see :class:`~mattegate.cutout.engine.protocol.Permit`."""
        if self._work is not None:
            raise RuntimeError("a permit is good for one job")
        work, call_off = self._begin(job)
        self._work = asyncio.create_task(work, name="engine-job")
        try:
            return await asyncio.shield(self._work)
        except asyncio.CancelledError:
            call_off()
            raise

    async def __aenter__(self) -> SlotPermit:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._work is None or self._work.done():
            self._give_back()
        else:
            self._work.add_done_callback(self._ended_alone)

    def _ended_alone(self, work: asyncio.Task[Cutout]) -> None:
        if not work.cancelled():
            work.exception()  # there is nobody left to tell
        self._give_back()
