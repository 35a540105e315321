"""The engine of worker processes: a queue in front, slots behind, and a memory of the images that stopped workers.

A decoder that crashes, hangs or eats memory costs one request. Nothing is tried twice: whether to send an image again
is the caller's choice, and one that stopped two workers is not let in for a while.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from functools import partial
from typing import Final

from mattegate.config.settings import Settings
from mattegate.cutout.engine.admission import Admission
from mattegate.cutout.engine.maker import DEFAULT_FACTORY
from mattegate.cutout.engine.permit import Begun, SlotPermit
from mattegate.cutout.engine.plan import plan, usable_cores, worker_environment, worker_settings
from mattegate.cutout.engine.poison import DEATHS_ALLOWED, PoisonTable, digest
from mattegate.cutout.engine.process import Blueprint
from mattegate.cutout.engine.protocol import Cutout, EngineStatus, Job, Priority
from mattegate.cutout.engine.slot import Errand, Slot
from mattegate.cutout.engine.watch import DEFAULT_PATIENCE, Patience
from mattegate.vocabulary.refusal import Refusal

log = logging.getLogger("mattegate.engine")

_DEADLY: Final = frozenset({"engine.worker_died", "engine.time_limit", "engine.memory_limit"})


class WorkerPool:
    """An :class:`~mattegate.cutout.engine.protocol.Engine` of worker processes; used by one event loop, started once.

    ``factory`` names the callable that builds each worker's maker, as ``module:callable``; ``environment`` is what the
    workers' environment is made from, without anything secret.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        factory: str = DEFAULT_FACTORY,
        environment: Mapping[str, str] | None = None,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        shares = plan(settings.engine, usable_cores())
        own = os.environ if environment is None else environment
        environment = worker_environment(own, shares.threads)
        blueprint = Blueprint(factory, worker_settings(settings), shares.threads, environment)
        self._settings = settings
        self._default_model = settings.models.default
        self._slots = [Slot(blueprint, patience, self._settled) for _ in range(shares.workers)]
        self._admission: Admission[Slot] = Admission(
            settings.engine.queue, usable=lambda slot: slot.usable, suits=self._suits
        )
        self._poison = PoisonTable()
        self._drain: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the workers and return; :meth:`status` tells when they are warm."""
        for slot in self._slots:
            slot.open()

    async def admit(self, *, priority: Priority, owner: str, deadline_s: float, model: str | None = None) -> SlotPermit:
        """Wait for a free worker; see :class:`~mattegate.cutout.engine.protocol.Engine`."""
        if self._drain is None and (problem := self._hopeless()):
            raise Refusal(problem.reason.code, **problem.facts)
        slot = await self._admission.acquire(priority=priority, owner=owner, deadline_s=deadline_s, model=model)
        return SlotPermit(partial(self._begin, slot), partial(self._admission.give_back, slot))

    def status(self) -> EngineStatus:
        """A glance that never waits."""
        problem = self._why_not_ready()
        return EngineStatus(
            ready=problem is None,
            problem=problem.operator_detail if problem else "",
            starting=problem is not None and problem.reason.code == "capacity.starting",
            workers=len(self._slots),
            busy=self._admission.busy,
            waiting=self._admission.waiting,
            restarts=sum(slot.restarts for slot in self._slots),
        )

    async def drain(self) -> None:
        """Finish what is running or waiting within the drain time, then stop the workers."""
        if self._drain is None:
            self._drain = asyncio.create_task(self._wind_down(), name="engine-drain")
        await asyncio.shield(self._drain)

    def _begin(self, slot: Slot, job: Job) -> Begun:
        errand = Errand(job)
        return self._see_through(slot, errand), errand.cancel

    async def _see_through(self, slot: Slot, errand: Errand) -> Cutout:
        await self._refuse_poison(errand.job)
        try:
            return await slot.do(errand)
        except Refusal as refusal:
            if refusal.reason.code in _DEADLY and errand.begun:
                await self._blame(errand.job, refusal)
            raise

    async def _refuse_poison(self, job: Job) -> None:
        """Costs nothing as long as no image has stopped a worker lately."""
        if self._poison.suspects(time.monotonic()):
            name = await asyncio.to_thread(digest, job)
            deaths = self._poison.deaths(name, time.monotonic())
            if deaths >= DEATHS_ALLOWED:
                raise Refusal("engine.poison", deaths=deaths, digest=name)

    async def _blame(self, job: Job, refusal: Refusal) -> None:
        name = await asyncio.to_thread(digest, job)
        log.warning("%s (SHA-256 of image and options: %s)", refusal.operator_detail, name)
        self._poison.record(name, time.monotonic())

    def _suits(self, slot: Slot, model: str | None) -> bool:
        return (model or self._default_model) in slot.models

    def _settled(self, slot: Slot) -> None:
        """A slot has changed: serve who waits, or send everybody away when no worker comes up."""
        if slot.usable:
            self._admission.offer(slot)
            return
        self._admission.withdraw(slot)
        if problem := self._hopeless():
            self._admission.refuse_all(problem)

    def _hopeless(self) -> Refusal | None:
        """Why no worker at all comes up, if so."""
        problems = [slot.problem for slot in self._slots]
        return problems[0] if all(problems) else None

    def _why_not_ready(self) -> Refusal | None:
        if self._drain is not None:
            return Refusal("capacity.draining")
        if any(slot.proven for slot in self._slots):
            return None
        problem = next((slot.problem for slot in self._slots if slot.problem), None)
        return problem or Refusal("capacity.starting")

    async def _wind_down(self) -> None:
        log.info("draining: %d at work, %d waiting", self._admission.busy, self._admission.waiting)
        self._admission.close()
        try:
            async with asyncio.timeout(self._settings.engine.drain_s):
                await self._admission.quiet()
        except TimeoutError:
            log.warning("drain time is over: %d at work, %d waiting", self._admission.busy, self._admission.waiting)
        self._admission.refuse_all(Refusal("capacity.draining"))
        await asyncio.gather(*(slot.close() for slot in self._slots))
