"""The engine without processes: a maker in a thread of this process, behind the same queue.

For callers who embed the library where no process can be started, and as the second implementation that keeps the
contract honest; the server and the command line use :mod:`mattegate.cutout.engine.pool`. It cannot survive what kills a
process: no memory limit is kept, a hang keeps its slot, a crash takes all along.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from mattegate.config.settings import EngineSettings
from mattegate.cutout.engine.admission import Admission
from mattegate.cutout.engine.maker import Cancelled, Made, Maker, check, told
from mattegate.cutout.engine.permit import Begun, SlotPermit
from mattegate.cutout.engine.protocol import Cutout, EngineStatus, Job, Priority
from mattegate.vocabulary.refusal import Refusal

log = logging.getLogger("mattegate.engine")

T = TypeVar("T")


class InlineEngine:
    """An :class:`~mattegate.cutout.engine.protocol.Engine` that runs ``maker`` in one thread of this process."""

    def __init__(self, maker: Maker, settings: EngineSettings | None = None) -> None:
        self._maker = maker
        self._settings = settings = settings or EngineSettings()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine-inline")
        self._admission: Admission[Maker] = Admission(settings.queue, usable=lambda _: True, suits=lambda _, __: True)
        self._warming: asyncio.Task[None] | None = None
        self._warm = False
        self._problem: Refusal | None = None
        self._running: threading.Event | None = None
        self._drain: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to load the default model and return."""
        self._warming = asyncio.create_task(self._warm_up(), name="engine-warm-up")

    async def admit(self, *, priority: Priority, owner: str, deadline_s: float, model: str | None = None) -> SlotPermit:
        """Wait for the maker to be free; see :class:`~mattegate.cutout.engine.protocol.Engine`."""
        if self._problem is not None and self._drain is None:
            raise Refusal(self._problem.reason.code, **self._problem.facts)
        maker = await self._admission.acquire(priority=priority, owner=owner, deadline_s=deadline_s, model=model)
        return SlotPermit(self._begin, partial(self._admission.give_back, maker))

    def status(self) -> EngineStatus:
        """A glance that never waits."""
        refusal = Refusal("capacity.draining") if self._drain else self._problem
        if refusal is None and not self._warm:
            refusal = Refusal("capacity.starting")
        return EngineStatus(
            ready=refusal is None,
            problem=refusal.operator_detail if refusal else "",
            workers=1,
            busy=self._admission.busy,
            waiting=self._admission.waiting,
            restarts=0,
            starting=refusal is not None and refusal.reason.code == "capacity.starting",
        )

    async def drain(self) -> None:
        """Finish what is running or waiting within the drain time, then call off the rest and end the thread."""
        if self._drain is None:
            self._drain = asyncio.create_task(self._wind_down(), name="engine-drain")
        await asyncio.shield(self._drain)

    async def _warm_up(self) -> None:
        try:
            await self._in_thread(partial(self._maker.warm, None))
        except Refusal as refusal:
            log.error("the engine cannot start: %s", refusal.operator_detail)  # noqa: TRY400
            self._problem = refusal
            self._admission.refuse_all(refusal)
        else:
            self._warm = True
            self._admission.offer(self._maker)

    def _begin(self, job: Job) -> Begun:
        cancelled = threading.Event()
        return self._see_through(job, cancelled), partial(self._call_off, cancelled)

    def _call_off(self, cancelled: threading.Event) -> None:
        cancelled.set()
        if self._running is cancelled:
            self._maker.cancel()

    async def _see_through(self, job: Job, cancelled: threading.Event) -> Cutout:
        limit = self._settings.time_limit_s
        self._running = cancelled
        loop = asyncio.get_running_loop()
        late = loop.call_later(limit, self._call_off, cancelled)
        begun = loop.time()
        try:
            made = await self._in_thread(partial(self._make, job, cancelled))
        except Cancelled:
            if self._drain is not None:
                raise Refusal("capacity.draining") from None
            if loop.time() - begun >= limit:
                raise Refusal("engine.time_limit", pid=os.getpid(), seconds=limit) from None
            raise Refusal("request.client_gone") from None
        finally:
            late.cancel()
            self._running = None
        return Cutout(memoryview(b"".join(made.segments)), made.report)

    def _make(self, job: Job, cancelled: threading.Event) -> Made:
        with told(cancelled.is_set, self._settings.memory_limit_mb):
            self._maker.warm(job.options.model)
            check(cancelled.is_set)
            return self._maker.make(job, cancelled=cancelled.is_set)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _wind_down(self) -> None:
        self._admission.close()
        try:
            async with asyncio.timeout(self._settings.drain_s):
                await self._admission.quiet()
        except TimeoutError:
            log.warning("drain time is over: %d at work, %d waiting", self._admission.busy, self._admission.waiting)
        self._admission.refuse_all(Refusal("capacity.draining"))
        if self._running is not None:
            self._call_off(self._running)
        if self._warming is not None:
            await self._warming
        self._thread.shutdown(wait=False)
